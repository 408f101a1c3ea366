using CsCheck;
using Mazij.Data;

namespace Mazij.Tests.Data;

public sealed class SamplerTests
{
    [Fact]
    public void Every_epoch_is_a_permutation()
    {
        Gen.Select(Gen.Long[1, 3000], Gen.ULong, Gen.Long[0, 1000]).Sample((windows, seed, epoch) =>
        {
            Sampler sampler = new(windows, new SamplerState(seed, 0));
            bool[] seen = new bool[windows];
            for (long i = 0; i < windows; i++)
            {
                long window = sampler.WindowOf((epoch * windows) + i);
                Assert.False(seen[window], "a window came twice");
                seen[window] = true;
            }
        });
    }

    [Fact]
    public void Epochs_and_seeds_have_orders_of_their_own()
    {
        static long[] Order(ulong seed, long epoch)
        {
            Sampler sampler = new(100, new SamplerState(seed, 0));
            return [.. Enumerable.Range(0, 100).Select(i => sampler.WindowOf((epoch * 100) + i))];
        }
        HashSet<string> orders = [];
        for (ulong seed = 0; seed < 20; seed++)
        {
            for (long epoch = 0; epoch < 20; epoch++) Assert.True(orders.Add(string.Join(',', Order(seed, epoch))));
        }
        Assert.DoesNotContain(string.Join(',', Enumerable.Range(0, 100)), orders);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(37)]
    public void Every_window_is_equally_likely_at_every_place(int windows)
    {
        const int Trials = 20_000;
        int[,] counts = new int[windows, windows];
        for (int seed = 0; seed < Trials; seed++)
        {
            Sampler sampler = new(windows, new SamplerState((ulong)seed, 0));
            for (int i = 0; i < windows; i++) counts[i, sampler.WindowOf(i)]++;
        }
        double expected = (double)Trials / windows;
        for (int i = 0; i < windows; i++)
        {
            double chiSquare = Enumerable.Range(0, windows).Sum(w => Math.Pow(counts[i, w] - expected, 2) / expected);
            // Mean windows - 1, variance twice that; the limit is more than six standard deviations up.
            Assert.InRange(chiSquare, 0, windows - 1 + (7 * Math.Sqrt(2.0 * windows)) + 10);
        }
    }

    [Fact]
    public void Neighbours_do_not_stay_together()
    {
        Sampler sampler = new(100_000, new SamplerState(1, 0));
        int together =
            Enumerable.Range(0, 99_999).Count(i => Math.Abs(sampler.WindowOf(i) - sampler.WindowOf(i + 1)) == 1);
        Assert.InRange(together, 0, 12); // 2 expected
    }

    [Fact]
    public void A_sampler_from_a_state_goes_on_exactly()
    {
        Gen.Select(Gen.Long[1, 500], Gen.ULong, Gen.Int[0, 2000]).Sample((windows, seed, position) =>
        {
            Sampler whole = new(windows, new SamplerState(seed, 0));
            whole.Advance(position);
            Sampler resumed = new(windows, whole.State);
            Assert.Equal(whole.Epoch, resumed.Epoch);
            (long first, int count) = resumed.ShareOf(64);
            Assert.Equal(position, first);
            for (long i = first; i < first + count; i++) Assert.Equal(whole.WindowOf(i), resumed.WindowOf(i));
        });
    }

    [Fact]
    public void The_ranks_of_any_world_share_the_same_global_batch()
    {
        Gen.Select(Gen.Int[1, 200], Gen.Int[1, 64], Gen.Int[0, 100]).Sample((batch, world, steps) =>
        {
            Sampler sampler = new(1000, new SamplerState(3, 0));
            sampler.Advance((long)steps * batch);
            List<long> samples = [];
            List<int> counts = [];
            for (int rank = 0; rank < world; rank++)
            {
                (long first, int count) = sampler.ShareOf(batch, rank, world);
                for (int i = 0; i < count; i++) samples.Add(first + i);
                counts.Add(count);
            }
            Assert.Equal(Enumerable.Range(0, batch).Select(i => ((long)steps * batch) + i), samples);
            Assert.InRange(counts.Max() - counts.Min(), 0, 1);
        });
    }

    [Fact]
    public void The_order_of_a_seed_does_not_change_between_versions()
    {
        // Computed by an implementation in another language: a resumed run must never see another order.
        Sampler sampler = new(10, new SamplerState(42, 0));
        Assert.Equal("9 2 6 7 1 5 0 3 4 8 8 3 0 2 4 9 6 7 5 1",
            string.Join(' ', Enumerable.Range(0, 20).Select(i => sampler.WindowOf(i))));
    }

    [Fact]
    public void A_change_to_long_windows_at_any_point_repeats_no_token_and_leaves_little_unread()
    {
        Gen.Select(Gen.Int[1, 3000], Gen.Int[2, 9], Gen.ULong, Gen.Int[0, 6000]).Sample((blocks, block, seed, change) =>
        {
            Sampler sampler = new((blocks * (long)block) + (block - 1), new SamplerState(seed, 0), block);
            Assert.Equal(blocks * block, sampler.Windows);
            long epoch = change / sampler.Windows;
            bool[] seen = new bool[sampler.Windows];
            for (long sample = epoch * sampler.Windows; sample < change; sample++) Mark(sampler.WindowOf(sample));
            long first = sampler.FirstLongPosition(change), end = (epoch + 1) * sampler.Windows;
            Assert.InRange(first - change, 0, Math.Max(block, sampler.Windows / 32));
            for (long sample = first; sample < end; sample += block)
            {
                long window = sampler.LongWindowOf(sample);
                for (int i = 0; i < block; i++) Mark((window * block) + i);
            }
            Assert.Equal(first - change, seen.Count(was => !was));

            void Mark(long window)
            {
                Assert.False(seen[window], "a window came twice");
                seen[window] = true;
            }
        }, iter: 200);
    }

    [Fact]
    public void Blocks_do_not_keep_their_windows_together()
    {
        Sampler sampler = new(40_000, new SamplerState(1, 0), block: 4);
        int together =
            Enumerable.Range(0, 39_999).Count(i => Math.Abs(sampler.WindowOf(i) - sampler.WindowOf(i + 1)) == 1);
        Assert.InRange(together, 0, 150); // 48 expected: three of four windows have a neighbour among 1,248
    }

    [Fact]
    public void No_window_means_too_little_text() => Assert.Throws<InputException>(() => new Sampler(0, default));

    [Fact]
    public void The_largest_sizes_work()
    {
        Permutation permutation = new(long.MaxValue, 5);
        Assert.InRange(permutation[long.MaxValue - 1], 0, long.MaxValue - 1);
        Assert.Equal(0, new Permutation(1, 5)[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => permutation[-1]);
    }
}
