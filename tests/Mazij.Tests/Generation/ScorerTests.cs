using System.Buffers.Binary;
using Mazij.Formats.HuggingFace;
using Mazij.Formats.Safetensors;
using Mazij.Generation;
using Mazij.Models;
using Mazij.Tests.Data;
using static TorchSharp.torch;

namespace Mazij.Tests.Generation;

public sealed class ScorerTests
{
    [Theory]
    [InlineData("ling1-tiny")]
    [InlineData("ling1-dense-first")]
    [InlineData("ling2-tiny")]
    public void Logits_and_losses_are_those_of_the_official_code(string fixture)
    {
        using TemporaryFolder folder = new();
        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(Fixtures.Folder(fixture), "expected.safetensors"));
        using MoeTransformer model = Load(fixture);
        int[][] sequences = InputIds(expected);
        Score score = new Scorer(model).WriteLogits(sequences, folder["logits.safetensors"], Cancellation);
        using SafetensorsFile written = SafetensorsFile.Open(folder["logits.safetensors"]);
        Assert.Equal(expected["logits"].Spec.Shape, Assert.Single(written.Tensors).Spec.Shape);
        float[] theirs = Read(expected["logits"]), ours = Read(written["logits"]);
        for (int i = 0; i < theirs.Length; i++)
            Assert.Equal(theirs[i], ours[i], 1e-4f);
        float[] losses = Read(expected["token_nll"]);
        Assert.Equal(losses.Average(loss => (double)loss), score.Loss, 1e-5);
        Assert.Equal(losses.Length, score.Tokens);
    }

    [Theory]
    [InlineData("ling1-tiny")]
    [InlineData("ling2-tiny")]
    public void The_loss_does_not_depend_on_whether_logits_are_written(string fixture)
    {
        using TemporaryFolder folder = new();
        using MoeTransformer model = Load(fixture);
        int[][] sequences = [[1, 2, 3, 4, 5], [9, 8, 7, 6, 5], [11, 11, 11, 11, 11]];
        Scorer scorer = new(model);
        Assert.Equal(scorer.WriteLogits(sequences, folder["l"], Cancellation).Loss, scorer.ScoreSequences(sequences, Cancellation).Loss, 1e-5);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(25)]
    public void A_stream_is_the_sum_of_its_windows_and_every_id_but_the_first_is_predicted_once(int length)
    {
        const int window = 3;
        using MoeTransformer model = Load("ling2-tiny");
        Scorer scorer = new(model);
        int[] ids = [.. Enumerable.Range(0, length).Select(i => i * 37 % 144)];
        double sum = 0;
        long predicted = 0;
        for (int start = 0; start < length - 1; start += window)
        {
            Score part = scorer.ScoreSequences([ids[start..Math.Min(length, start + window + 1)]], Cancellation);
            sum += part.Loss * part.Tokens;
            predicted += part.Tokens;
        }
        Score whole = scorer.ScoreStream(ids, window, id => id + 1, Cancellation);
        Assert.Equal(length - 1, predicted);
        Assert.Equal(predicted, whole.Tokens);
        Assert.Equal(sum / predicted, whole.Loss, 1e-5);
        Assert.Equal(sum / Math.Log(2) / ids.Skip(1).Sum(id => id + 1), whole.BitsPerByte!.Value, 1e-5);
    }

    [Fact]
    public void A_cancelled_file_of_logits_is_not_there()
    {
        using TemporaryFolder folder = new();
        using MoeTransformer model = Load("ling1-tiny");
        using CancellationTokenSource source = new();
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => new Scorer(model).WriteLogits([[1, 2]], folder["l"], source.Token));
        Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
    }

    [Fact]
    public void Too_few_ids_and_sequences_that_are_too_long_are_refused()
    {
        using MoeTransformer model = Load("ling1-tiny");
        Scorer scorer = new(model);
        Assert.Throws<InputException>(() => scorer.ScoreStream([1], 8, null, Cancellation));
        Assert.Throws<InputException>(() => scorer.ScoreSequences([[1]], Cancellation));
        Assert.Throws<InputException>(() => scorer.ScoreSequences([new int[model.Config.MaxPositionEmbeddings + 1]], Cancellation));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static MoeTransformer Load(string fixture) => HuggingFaceModel.Load(Fixtures.Folder(fixture), CPU, ScalarType.Float32);

    private static int[][] InputIds(SafetensorsFile file)
    {
        SafetensorsTensor tensor = file["input_ids"];
        int rows = (int)tensor.Spec.Shape[0], length = (int)tensor.Spec.Shape[1];
        int[][] ids = new int[rows][];
        for (int row = 0; row < rows; row++)
        {
            ids[row] = new int[length];
            for (int i = 0; i < length; i++)
                ids[row][i] = (int)BinaryPrimitives.ReadInt64LittleEndian(tensor.Bytes[(8 * (row * length + i))..]);
        }
        return ids;
    }

    private static float[] Read(SafetensorsTensor tensor)
    {
        float[] values = new float[tensor.ElementCount];
        tensor.ReadSingle(0, values);
        return values;
    }
}
