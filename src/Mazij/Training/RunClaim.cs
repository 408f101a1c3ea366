using System.Globalization;
using System.Text;
using Mazij.Formats;

namespace Mazij.Training;

/// <summary>
/// A run folder held by this process, so that no second one trains in it: an open, locked file, run.lock. The system frees
/// the lock when the process ends, however it ends. Readers of the folder need no lock.
/// </summary>
internal sealed class RunClaim : IDisposable
{
    private const string LockFile = "run.lock";
    private const int WindowsSharingViolation = unchecked((int)0x80070020);
    private const int LinuxWouldBlock = 11, MacWouldBlock = 35;
    private const int HolderBytes = 512;
    private readonly FileStream file;
    private readonly string? firstMade;

    private RunClaim(RunFolder folder, FileStream file, string? firstMade)
    {
        Folder = folder;
        this.file = file;
        this.firstMade = firstMade;
    }

    /// <summary>The folder that is held.</summary>
    public RunFolder Folder { get; }

    /// <summary>Claims the folder of a run to continue.</summary>
    /// <exception cref="InputException">Another process trains in it, or it cannot be written.</exception>
    public static RunClaim Existing(RunFolder folder) => new(folder, Lock(folder, "wait for it or stop it"), null);

    /// <summary>Makes and claims the folder of a new run. Unless run.yaml is written into it, it is gone afterwards.</summary>
    /// <exception cref="InputException">Another process trains in it, it holds a run, or it cannot be written.</exception>
    public static RunClaim New(RunFolder folder)
    {
        string? made = FirstMissing(folder.Path);
        try
        {
            Directory.CreateDirectory(folder.Path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw CannotWrite(folder, error);
        }
        RunClaim claim = new(folder, Lock(folder, "name another folder by --out"), made);
        if (!folder.HoldsRun)
            return claim;
        claim.Dispose();
        throw folder.HeldAlready();
    }

    /// <summary>Makes and claims a folder of a new run under a name that nobody else has: the given one, or that with a number.</summary>
    public static RunClaim NewNumbered(string path)
    {
        const int enough = 1000;
        for (int number = 1; ; number++)
        {
            string numbered = number == 1 ? path : string.Create(CultureInfo.InvariantCulture, $"{path}-{number}");
            try
            {
                if (!Directory.Exists(numbered) || number == enough)
                    return New(RunFolder.New(numbered));
            }
            catch (InputException) when (number < enough && Directory.Exists(numbered))
            {
                // Another process was faster.
            }
        }
    }

    /// <summary>Frees the folder; a new one that no run was written into is removed.</summary>
    public void Dispose()
    {
        if (Folder.HoldsRun)
        {
            file.Dispose();
            return;
        }
        try
        {
            File.Delete(file.Name);
            file.Dispose();
            for (string? path = Folder.Path; firstMade is not null && path is not null; path = Path.GetDirectoryName(path))
            {
                Directory.Delete(path);
                if (path == firstMade)
                    break;
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // Somebody else put something there meanwhile; it is theirs now.
        }
        finally
        {
            file.Dispose();
        }
    }

    private static FileStream Lock(RunFolder folder, string advice)
    {
        string path = Path.Combine(folder.Path, LockFile);
        while (true)
        {
            FileStream file;
            try
            {
                file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException error) when (error.HResult is WindowsSharingViolation or LinuxWouldBlock or MacWouldBlock)
            {
                throw new InputException(
                    $"{folder.Path}: another mazij is training in this folder{Holder(path)}; {advice}", error);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw CannotWrite(folder, error);
            }
            if (!File.Exists(path))
            {
                // A run that was refused removed its lock between our opening and our locking it.
                file.Dispose();
                continue;
            }
            WriteHolder(file);
            return file;
        }
    }

    private static void WriteHolder(FileStream file)
    {
        try
        {
            file.SetLength(0);
            file.Write(Encoding.UTF8.GetBytes($"process {Environment.ProcessId} on {Environment.MachineName}\n"));
        }
        catch (IOException)
        {
            // Who holds the folder is only told to people; a full disk keeps nobody from training on.
        }
    }

    private static string Holder(string path)
    {
        byte[] bytes = new byte[HolderBytes];
        string holder = Encoding.UTF8.GetString(bytes, 0, NativeFile.ReadPastLocks(path, bytes)).Trim();
        return holder.Length > 0 ? $" ({MessageText.OneLine(holder, HolderBytes)})" : "";
    }

    private static string? FirstMissing(string path)
    {
        string? missing = null;
        for (string? folder = path; folder is not null && !Directory.Exists(folder); folder = Path.GetDirectoryName(folder))
            missing = folder;
        return missing;
    }

    private static InputException CannotWrite(RunFolder folder, Exception error) =>
        new($"{folder.Path}: cannot be written ({error.Message}); name another folder by --out", error);
}
