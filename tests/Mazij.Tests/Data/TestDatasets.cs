using Mazij.Data;
using Mazij.Text;
using Mazij.Text.Corpora;

namespace Mazij.Tests.Data;

/// <summary>Builds data sets that stop when the test is cancelled.</summary>
internal static class TestDatasets
{
    public static DatasetManifest Build(
        Corpus corpus, ITokenizer tokenizer, string folder, DatasetOptions? options =
            null, Action<DatasetProgress>? progress = null) =>
        DatasetBuilder.Build(corpus, tokenizer, folder, options, progress, TestContext.Current.CancellationToken);
}
