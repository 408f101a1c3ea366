using System.Runtime.InteropServices;
using System.Text;

namespace Mazij.Distributed.Mpi;

/// <summary>
/// Open MPI, found and loaded when a process was started by mpirun: the exchanges that training among processes needs, over float
/// arrays in memory. Only Open MPI's binary interface is known (its handles are addresses of symbols); other libraries are refused.
/// One object in a process, from <see cref="Start"/> to <see cref="Dispose"/>.
/// </summary>
internal sealed unsafe class OpenMpi : IDisposable
{
    private const string LibraryVariable = "MAZIJ_MPI";
    private const int LongestText = 1024;

    private static readonly string[] launchers = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"];

    private static readonly string[] libraries = OperatingSystem.IsMacOS()
        ? ["libmpi.40.dylib", "libmpi.dylib", "/opt/homebrew/lib/libmpi.dylib"]
        : ["libmpi.so.40", "libmpi.so"];

    private readonly nint library, world, floats, bytes, sum;
    private readonly delegate* unmanaged<nint, int> barrier;
    private readonly delegate* unmanaged<nint, nint, int, nint, nint, nint, int> allReduce, reduceScatter;
    private readonly delegate* unmanaged<nint, int, nint, nint, int, nint, nint, int> allToAll, allGather;
    private bool ended;

    private OpenMpi(nint library)
    {
        this.library = library;
        world = NativeLibrary.GetExport(library, "ompi_mpi_comm_world");
        floats = NativeLibrary.GetExport(library, "ompi_mpi_float");
        bytes = NativeLibrary.GetExport(library, "ompi_mpi_byte");
        sum = NativeLibrary.GetExport(library, "ompi_mpi_op_sum");
        barrier = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "MPI_Barrier");
        allReduce = (delegate* unmanaged<nint, nint, int, nint, nint, nint, int>)NativeLibrary.GetExport(library, "MPI_Allreduce");
        reduceScatter = (delegate* unmanaged<nint, nint, int, nint, nint, nint, int>)NativeLibrary.GetExport(library, "MPI_Reduce_scatter_block");
        allToAll = (delegate* unmanaged<nint, int, nint, nint, int, nint, nint, int>)NativeLibrary.GetExport(library, "MPI_Alltoall");
        allGather = (delegate* unmanaged<nint, int, nint, nint, int, nint, nint, int>)NativeLibrary.GetExport(library, "MPI_Allgather");
        Check(((delegate* unmanaged<nint, nint, int>)NativeLibrary.GetExport(library, "MPI_Init"))(0, 0), "MPI_Init");
        int rank = 0, ranks = 0;
        Check(((delegate* unmanaged<nint, int*, int>)NativeLibrary.GetExport(library, "MPI_Comm_rank"))(world, &rank), "MPI_Comm_rank");
        Check(((delegate* unmanaged<nint, int*, int>)NativeLibrary.GetExport(library, "MPI_Comm_size"))(world, &ranks), "MPI_Comm_size");
        (Rank, Ranks) = (rank, ranks);
        Version = Text("MPI_Get_library_version").Split(',', '\n')[0].Trim();
        Host = Text("MPI_Get_processor_name");
    }

    /// <summary>Whether a launcher of MPI started this process.</summary>
    public static bool IsLaunched => Array.Exists(launchers, name => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(name)));

    /// <summary>This process among all.</summary>
    public int Rank { get; }

    /// <summary>All processes.</summary>
    public int Ranks { get; }

    /// <summary>What the library calls itself.</summary>
    public string Version { get; }

    /// <summary>The machine that this process runs on.</summary>
    public string Host { get; }

    /// <summary>Joins the other processes.</summary>
    /// <exception cref="InputException">There is no Open MPI here.</exception>
    public static OpenMpi Start()
    {
        string? named = Environment.GetEnvironmentVariable(LibraryVariable);
        nint library = 0;
        if (!(string.IsNullOrEmpty(named) ? libraries : [named]).Any(name => NativeLibrary.TryLoad(name, out library)))
        {
            throw new InputException(string.IsNullOrEmpty(named)
                ? $"the process was started by mpirun, but there is no {libraries[0]}: install Open MPI (Debian: apt-get install openmpi-bin), or name its library in {LibraryVariable}"
                : $"{LibraryVariable}: {MessageText.OneLine(named, 200)} cannot be loaded; name Open MPI's libmpi");
        }
        if (!NativeLibrary.TryGetExport(library, "ompi_mpi_comm_world", out _))
            throw new InputException($"the MPI library that was found is not Open MPI; name Open MPI's libmpi in {LibraryVariable}");
        return new OpenMpi(library);
    }

    /// <summary>Waits for all.</summary>
    public void Barrier() => Check(barrier(world), "MPI_Barrier");

    /// <summary>Waits for all without keeping a processor busy, as while one of them works.</summary>
    public void WaitQuietly()
    {
        nint request = 0;
        int done = 0;
        Check(((delegate* unmanaged<nint, nint*, int>)NativeLibrary.GetExport(library, "MPI_Ibarrier"))(world, &request), "MPI_Ibarrier");
        delegate* unmanaged<nint*, int*, nint, int> test = (delegate* unmanaged<nint*, int*, nint, int>)NativeLibrary.GetExport(library, "MPI_Test");
        while (true)
        {
            Check(test(&request, &done, 0), "MPI_Test");
            if (done != 0)
                return;
            Thread.Sleep(5);
        }
    }

    /// <summary>The sum of all ranks' arrays, in each.</summary>
    public void AllReduce(float[] values, float[] result)
    {
        fixed (float* from = values, to = result)
            Check(allReduce((nint)from, (nint)to, values.Length, floats, sum, world), "MPI_Allreduce");
    }

    /// <summary>The sum of all ranks' arrays, of which each gets its own piece.</summary>
    public void ReduceScatter(float[] values, float[] piece)
    {
        fixed (float* from = values, to = piece)
            Check(reduceScatter((nint)from, (nint)to, values.Length / Ranks, floats, sum, world), "MPI_Reduce_scatter_block");
    }

    /// <summary>Each rank gives each other one a piece of its array.</summary>
    public void AllToAll(float[] values, float[] result)
    {
        fixed (float* from = values, to = result)
            Check(allToAll((nint)from, values.Length / Ranks, floats, (nint)to, values.Length / Ranks, floats, world), "MPI_Alltoall");
    }

    /// <summary>All ranks' pieces, in each.</summary>
    public void AllGather(float[] piece, float[] result)
    {
        fixed (float* from = piece, to = result)
            Check(allGather((nint)from, result.Length / Ranks, floats, (nint)to, result.Length / Ranks, floats, world), "MPI_Allgather");
    }

    /// <summary>All ranks' values, in the order of the ranks.</summary>
    public TValue[] Gather<TValue>(TValue value)
        where TValue : unmanaged
    {
        TValue[] all = new TValue[Ranks];
        fixed (TValue* to = all)
            Check(allGather((nint)(&value), sizeof(TValue), bytes, (nint)to, sizeof(TValue), bytes, world), "MPI_Allgather");
        return all;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (ended)
            return;
        ended = true;
        ((delegate* unmanaged<int>)NativeLibrary.GetExport(library, "MPI_Finalize"))();
    }

    private string Text(string function)
    {
        // Longer than MPI_MAX_LIBRARY_VERSION_STRING and MPI_MAX_PROCESSOR_NAME of Open MPI.
        byte* text = stackalloc byte[LongestText];
        int length = 0;
        Check(((delegate* unmanaged<byte*, int*, int>)NativeLibrary.GetExport(library, function))(text, &length), function);
        return Encoding.UTF8.GetString(text, Math.Clamp(length, 0, LongestText));
    }

    private static void Check(int code, string function)
    {
        if (code != 0)
            throw new InvalidOperationException($"{function} returned {code}.");
    }
}
