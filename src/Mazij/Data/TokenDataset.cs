using System.Buffers.Binary;
using Mazij.Formats;

namespace Mazij.Data;

/// <summary>A folder of token shards, mapped into memory. Dispose it after the last batch.</summary>
public sealed class TokenDataset : IDisposable
{
    private readonly List<TokenShard> shards;

    private TokenDataset(DatasetManifest manifest, List<TokenShard> shards, TokenSplit train, TokenSplit validation)
    {
        (Manifest, this.shards, Train, Validation) = (manifest, shards, train, validation);
        TokenTextBytes = new ushort[manifest.VocabularySize];
        for (int id = 0; id < TokenTextBytes.Length; id++)
            TokenTextBytes[id] = BinaryPrimitives.ReadUInt16LittleEndian(manifest.TokenTextBytes.AsSpan(2 * id));
    }

    /// <summary>What dataset.json says.</summary>
    public DatasetManifest Manifest { get; }

    /// <summary>The tokens to learn from.</summary>
    public TokenSplit Train { get; }

    /// <summary>The tokens to measure with; may be empty.</summary>
    public TokenSplit Validation { get; }

    /// <summary>[vocabulary size]: how many bytes of text each id stands for.</summary>
    internal ushort[] TokenTextBytes { get; }

    /// <summary>Opens a data set and checks it.</summary>
    /// <param name="folder">The folder with dataset.json.</param>
    /// <param name="tokenizerHash">The hash of the tokenizer in use, or null if none is.</param>
    /// <param name="verifyIds">
    /// Whether all ids are checked now, at the speed of memory or disk; otherwise each block is when first read.
    /// </param>
    /// <exception cref="InputException">Something is missing, damaged, or made with another tokenizer.</exception>
    public static TokenDataset Open(string folder, string? tokenizerHash = null, bool verifyIds = true)
    {
        ArgumentNullException.ThrowIfNull(folder);
        string path = Path.Combine(folder, DatasetManifest.FileName);
        DatasetManifest manifest = DatasetManifest.Read(path);
        if (tokenizerHash is not null && manifest.TokenizerHash != tokenizerHash)
        {
            throw new InputException(
                $"'{folder}' was made with another tokenizer (hash {Abbreviate(manifest.TokenizerHash)}, not "
                + $"{Abbreviate(tokenizerHash)}): build the data set again, or name the tokenizer that made it.");
        }
        List<TokenShard> shards = [];
        try
        {
            TokenSplit train = OpenSplit(folder, manifest, manifest.Train, shards);
            TokenSplit validation = OpenSplit(folder, manifest, manifest.Validation, shards);
            if (verifyIds) Verify(shards);
            return new TokenDataset(manifest, shards, train, validation);
        }
        catch
        {
            shards.ForEach(shard => shard.Dispose());
            throw;
        }
    }

    /// <summary>Unmaps the shards: nothing can be read any more.</summary>
    public void Dispose() => shards.ForEach(shard => shard.Dispose());

    private static TokenSplit OpenSplit(
        string folder, DatasetManifest manifest, SplitManifest split, List<TokenShard> shards)
    {
        List<TokenShard> opened = [];
        foreach (ShardManifest entry in split.Shards)
        {
            // A manifest from elsewhere must not make us open files outside its folder.
            if (entry is null || !ContainedName.IsBelow(entry.File))
                throw new InputException(
                    $"'{folder}/{DatasetManifest.FileName}' names the shard {MessageText.Quote(entry?.File ?? "")}, outside its folder.");
            TokenShard shard = TokenShard.Open(Path.Combine(folder, entry.File), entry.Checksum);
            shards.Add(shard);
            opened.Add(shard);
            if (shard.Header.VocabularySize != manifest.VocabularySize
                || Convert.ToHexStringLower(shard.Header.TokenizerHash) != manifest.TokenizerHash)
                throw new InputException(
                    $"'{folder}/{entry.File}' was made with another tokenizer than dataset.json says: build the "
                    + "data set again.");
        }
        TokenSplit result = new(opened);
        if (result.Tokens != split.Tokens || result.Documents != split.Documents || result.TextBytes != split.TextBytes)
            throw new InputException(
                $"'{folder}': the shards hold {result.Tokens} tokens, dataset.json says {split.Tokens}, or other "
                + "counts differ: build the data set again.");
        return result;
    }

    private static void Verify(List<TokenShard> shards)
    {
        foreach (TokenShard shard in shards)
        {
            try
            {
                Parallel.For(0, shard.Blocks, shard.VerifyBlock);
            }
            catch (AggregateException e)
            {
                // One clear line: of several damaged blocks, whichever was found first.
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
            }
        }
    }

    private static string Abbreviate(string hash) => hash.Length > 12 ? hash[..12] + "..." : hash;
}
