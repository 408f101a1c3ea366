using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Mazij.Kernels.Libtorch;

namespace Mazij.Tests.Kernels.Libtorch;

public sealed unsafe class TorchParallelTests
{
    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(5, 3, 1)]
    [InlineData(0, 1, 100)]
    [InlineData(3, 1003, 1)]
    [InlineData(-50, 50, 7)]
    public void Every_index_is_visited_once(long begin, long end, long grain)
    {
        int[] visits = new int[Math.Max(0, end - begin)];
        TorchParallel.For(begin, end, grain, (from, to) =>
        {
            for (long i = from; i < to; i++)
                Interlocked.Increment(ref visits[i - begin]);
        });
        Assert.All(visits, v => Assert.Equal(1, v));
    }

    [Fact]
    public void An_exception_in_the_body_arrives_at_the_caller_and_the_other_pieces_still_run()
    {
        int visited = 0;
        FormatException e = Assert.Throws<FormatException>(() => TorchParallel.For(0, 100, 1, (from, to) =>
        {
            Interlocked.Add(ref visited, (int)(to - from));
            if (from == 0)
                throw new FormatException("seen");
        }));
        Assert.Equal("seen", e.Message);
        Assert.Equal(100, visited);
        Assert.Throws<ArgumentOutOfRangeException>("grain", () => TorchParallel.For(0, 1, 0, (_, _) => { }));
    }

    [Fact]
    public void Loops_nest_and_collect_garbage_while_they_run()
    {
        long[] sums = new long[64];
        TorchParallel.For(0, 64, 1, (from, to) =>
        {
            for (long i = from; i < to; i++)
            {
                List<string> garbage = [.. Enumerable.Range(0, 200).Select(n => n.ToString(null, null))];
                if (i % 16 == 0)
                    GC.Collect();
                long row = i;
                TorchParallel.For(0, garbage.Count, 8, (a, b) => Interlocked.Add(ref sums[row], b - a));
            }
        });
        Assert.All(sums, s => Assert.Equal(200, s));
    }

    [Fact]
    public void A_native_callback_gets_its_state()
    {
        long* total = stackalloc long[1];
        *total = 0;
        TorchParallel.For(0, 1000, 10, &AddLength, total);
        Assert.Equal(1000, *total);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void AddLength(long begin, long end, void* state) =>
        Interlocked.Add(ref *(long*)state, end - begin);

    [Fact]
    public void The_number_of_threads_can_be_set_and_is_seen_inside_the_loop()
    {
        int before = TorchParallel.Threads;
        try
        {
            TorchParallel.Threads = 2;
            Assert.Equal(2, TorchParallel.Threads);
            bool[] seen = new bool[2];
            TorchParallel.For(0, 2, 1, (_, _) => seen[TorchParallel.ThreadIndex] = true);
            Assert.Equal([true, true], seen);
            TorchParallel.Threads = 1;
            int pieces = 0;
            TorchParallel.For(0, 2, 1, (_, _) => Interlocked.Increment(ref pieces));
            Assert.Equal(1, pieces);
            Assert.Throws<ArgumentOutOfRangeException>(() => TorchParallel.Threads = 0);
        }
        finally
        {
            TorchParallel.Threads = before;
        }
    }
}
