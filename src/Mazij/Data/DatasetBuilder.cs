using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Data;

/// <summary>
/// Builds token shards from a corpus. One thread reads, the others tokenise groups of documents, the first writes them
/// in the order read, so the files are the same for any number of threads.
/// </summary>
public static class DatasetBuilder
{
    /// <summary>
    /// Builds a data set. The folder appears when everything in it is whole; until then, what is done stands in
    /// FOLDER.building. If a build is stopped or killed, the same call goes on from there, to the same bytes.
    /// </summary>
    /// <param name="corpus">The text.</param>
    /// <param name="tokenizer">Makes the ids; every document's ids must stand for exactly its bytes.</param>
    /// <param name="folder">Where to put it: a new or empty folder, or a data set to replace.</param>
    /// <param name="options">How to build; null for the defaults.</param>
    /// <param name="progress">Called on this thread every now and then, and at the end.</param>
    /// <param name="cancellation">Stops the build; what it did is kept for the next one.</param>
    /// <returns>What was built, as in dataset.json.</returns>
    /// <exception cref="InputException">The corpus or tokenizer is unfit, or there is too little text.</exception>
    /// <exception cref="OperationCanceledException">The build was stopped.</exception>
    public static DatasetManifest Build(
        Corpus corpus,
        ITokenizer tokenizer,
        string folder,
        DatasetOptions? options = null,
        Action<DatasetProgress>? progress = null,
        CancellationToken cancellation = default) =>
        Build(corpus, tokenizer, folder, options, progress, alongside: null, recipe: "", cancellation);

    /// <summary>As the public method, with further files in the folder.</summary>
    /// <param name="corpus">The text.</param>
    /// <param name="tokenizer">Makes the ids.</param>
    /// <param name="folder">Where to put the data set.</param>
    /// <param name="options">How to build; null for the defaults.</param>
    /// <param name="progress">Called on this thread every now and then, and at the end.</param>
    /// <param name="alongside">Writes, into the folder given to it, files that appear together with the data set.</param>
    /// <param name="recipe">How the tokenizer was trained on the corpus; empty if it was not. See
    /// <see cref="BuildState.Recipe"/>.</param>
    /// <param name="cancellation">Stops the build; what it did is kept for the next one.</param>
    internal static DatasetManifest Build(
        Corpus corpus,
        ITokenizer tokenizer,
        string folder,
        DatasetOptions? options,
        Action<DatasetProgress>? progress,
        Action<string>? alongside,
        string recipe,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(corpus);
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentException.ThrowIfNullOrEmpty(folder);
        options ??= new DatasetOptions();
        options.Validate();
        using BuildFolder building = BuildFolder.Create(folder, "data set", DatasetManifest.FileName);
        Work work = new(corpus, tokenizer, building, options, progress, alongside, recipe, cancellation);
        try
        {
            DatasetManifest manifest = work.Run();
            manifest.Write(Path.Combine(building.Folder, DatasetManifest.FileName));
            BuildState.Remove(building.Folder);
            building.Commit();
            return manifest;
        }
        catch (OperationCanceledException)
        {
            building.Keep();
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk, for one: hours of work must not go with it.
            bool isWorthKeeping = BuildState.Read(building.Folder) is { Documents: > 0 };
            if (isWorthKeeping) building.Keep();
            string how = isWorthKeeping ? " What is done is kept; the same command goes on from there." : "";
            throw new InputException($"Cannot write the data set '{folder}': {e.Message}{how}", e);
        }
    }

    /// <summary>One build.</summary>
    private sealed record Work(
        Corpus Corpus,
        ITokenizer Tokenizer,
        BuildFolder Folder,
        DatasetOptions Options,
        Action<DatasetProgress>? Progress,
        Action<string>? Alongside,
        string Recipe,
        CancellationToken Cancellation)
    {
        private const int ReportEveryDocuments = 4096;

        private readonly BuildIdentity identity = BuildIdentity.Of(Corpus, Tokenizer, Options);

        public DatasetManifest Run()
        {
            if (Unfinished() is { } state)
            {
                try
                {
                    return Write(state);
                }
                catch (UnfinishedBuildException e)
                {
                    Folder.Clear();
                    if (e.TextWasRead && !Corpus.CanBeReadAgain)
                    {
                        throw new InputException(
                            "Standard input is another text than the unfinished build had read, which is now removed: give "
                            + "the command again to start over.", e);
                    }
                    Say($"an unfinished build is there, but {e.Message}: starting over");
                }
            }
            return Write(null);
        }

        /// <summary>The state of an unfinished build of the same data set; whatever else is in the folder goes.</summary>
        private BuildState? Unfinished()
        {
            BuildState? state = BuildState.Read(Folder.Folder);
            if (state is not null && identity.ChangeSince(state.Identity) is { } change)
            {
                Say($"an unfinished build is there, but {change}: starting over");
                state = null;
            }
            if (state is null) Folder.Clear();
            return state;
        }

        private DatasetManifest Write(BuildState? state)
        {
            using ShardBuild build = new(Folder.Folder, identity, Recipe, Tokenizer, Options);
            DocumentEncoder encoder = new(Tokenizer);
            CorpusTally tally = new();
            ReadingClock clock = new(Corpus, tally, Corpus.Options.MaximumBytes);
            IEnumerable<(Document, Split)> documents = new SplitChooser(Options.ValidationFraction).Assign(Corpus.Read(tally));
            if (state is null)
            {
                Alongside?.Invoke(Folder.Folder);
                build.Save();
            }
            else
            {
                build.Restore(state);
                if (state.Documents > 0) Say($"going on with an unfinished build after {state.Documents:N0} documents");
                documents = build.Rest(documents, state, ReadAgain, Cancellation);
            }
            try
            {
                foreach (EncodedGroup group in EncodedGroup.InOrder(documents, encoder, Options.Threads, Cancellation))
                {
                    foreach ((Document document, Split split, Range ids) in group.Documents())
                        build.Add(document, split, group.Ids[ids]);
                    if (build.UnsavedTextBytes >= Options.CheckpointBytes) build.Save();
                    Report();
                }
                if (!Corpus.CanBeReadAgain && PipeEnd.WasInterrupted(Cancellation)) throw new OperationCanceledException(Cancellation);
            }
            catch (Exception e) when (IsStop(e))
            {
                build.Save();
                throw new OperationCanceledException(e.Message, e, Cancellation);
            }
            Report();
            return Finish(build, encoder, tally);

            void ReadAgain(long done)
            {
                if (done == state!.Documents)
                    clock.Restart();
                else if (done % ReportEveryDocuments == 0)
                    Progress?.Invoke(Current() with { DocumentsReadAgain = done });
            }

            void Report() => Progress?.Invoke(Current() with { Reading = clock.Now() });

            DatasetProgress Current() => new(build.Documents, build.TextBytes, build.Tokens, clock.Elapsed);
        }

        private DatasetManifest Finish(ShardBuild build, DocumentEncoder encoder, CorpusTally tally)
        {
            Require(build.Train.Tokens, Options.MinimumTrainTokens, "training", Corpus);
            if (Options.ValidationFraction > 0)
                Require(build.Validation.Tokens, Options.MinimumValidationTokens, "validation", Corpus);
            return new DatasetManifest
            {
                Format = DatasetManifest.FormatName,
                Version = ShardFormat.Version,
                Corpus = Corpus.Description,
                TokenizerHash = Tokenizer.Hash,
                VocabularySize = Tokenizer.VocabularySize,
                EndOfTextId = Tokenizer.EndOfTextId,
                Duplicates = tally.Duplicates,
                DuplicateBytes = tally.DuplicateBytes,
                ValidationFraction = Options.ValidationFraction,
                TokenTextBytes = encoder.TextBytesTable(),
                Train = build.Train.Finish(),
                Validation = build.Validation.Finish(),
                Gzip = build.FinishGzip(),
            };
        }

        private bool IsStop(Exception e) =>
            e is OperationCanceledException
            // The last line is seldom whole when the program that writes it is stopped.
            || (e is InputException && !Corpus.CanBeReadAgain && PipeEnd.WasInterrupted(Cancellation));

        private void Say(string note) => Progress?.Invoke(new DatasetProgress { Note = note });
    }

    private static void Require(long tokens, long minimum, string split, Corpus corpus)
    {
        if (tokens < minimum)
        {
            throw new InputException(
                $"The corpus '{corpus.Description}' gives {tokens} {split} tokens, {minimum} are needed: give more text"
                + (split == "validation" ? " or a larger validation fraction." : "."));
        }
    }
}
