using CsCheck;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Text.Corpora;

public sealed class DocumentHashesTests
{
    [Fact]
    public void It_answers_as_a_set_does()
    {
        // Few different values, so that many repeat, with equal halves and zeros among them.
        Gen<ulong> halves = Gen.OneOf(Gen.ULong, Gen.ULong[0, 3], Gen.ULong[0, 3].Select(high => high << 52));
        Gen.Select(halves, halves).Select((high, low) => new UInt128(high, low)).Array[0, 3000].Sample(
            hashes =>
            {
                // The set tells 76 bits apart, of which a key of 0 is taken for 1.
                static (ulong, ulong) Known(UInt128 hash) => ((ulong)(hash >> 116), Math.Max(1, (ulong)hash));
                DocumentHashes seen = new();
                HashSet<(ulong, ulong)> expected = [];
                foreach (UInt128 hash in hashes)
                    Assert.Equal(expected.Add(Known(hash)), seen.Add(hash));
                Assert.Equal(expected.Count, seen.Count);
            },
            iter: 100);
    }

    [Fact]
    public void It_takes_10_to_13_bytes_a_document()
    {
        DocumentHashes seen = new();
        Random random = new(1);
        Span<byte> hash = stackalloc byte[16];
        for (int count = 1; count <= 1_000_000; count++)
        {
            random.NextBytes(hash);
            Assert.True(seen.Add(System.Runtime.InteropServices.MemoryMarshal.Read<UInt128>(hash)));
            if (count >= 400_000 && count % 50_000 == 0) Assert.InRange((double)seen.Bytes / count, 10, 13);
        }
    }
}
