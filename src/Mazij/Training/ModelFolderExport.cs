using Mazij.Formats;
using Mazij.Text.Tokenizers;

namespace Mazij.Training;

/// <summary>Keeps a run's model/ at the latest checkpoint's weights.</summary>
internal sealed class ModelFolderExport(ModelCheckpoint checkpoint, BpeTokenizer tokenizer, RunFolder folder)
{
    private const long ConfigAndTokenizerBytes = 1 << 20;

    /// <summary>Writes the folder beside its place, then puts it there in one step.</summary>
    /// <exception cref="IOException">The disk is full or fails; the old model/ is as it was.</exception>
    public void Write(CheckpointContent content)
    {
        string temporary = folder.ModelFolder + ".writing";
        AtomicFolder.Recover(folder.ModelFolder);
        AtomicFolder.Delete(temporary);
        FreeSpace.Require(folder.Path, sizeof(float) * content.Weights.numel() + ConfigAndTokenizerBytes);
        try
        {
            FailPoint.Reach("create a folder");
            Directory.CreateDirectory(temporary);
            checkpoint.Export(temporary, content);
            tokenizer.Save(temporary);
            AtomicFolder.Replace(temporary, folder.ModelFolder);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    private static void TryDelete(string folder)
    {
        try
        {
            AtomicFolder.Delete(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // What made the write fail may keep this from being removed; the next export does it.
        }
    }
}
