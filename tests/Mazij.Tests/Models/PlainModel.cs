using Mazij.Models;
using Mazij.Tests.Kernels;

namespace Mazij.Tests.Models;

/// <summary>
/// The whole model in float64 and plain loops: the objective that training minimises, for central differences. It shares
/// nothing with the library but the names of the weights.
/// </summary>
internal sealed class PlainModel
{
    private readonly ModelConfig config;
    private readonly Dictionary<int, double[]> biases = [];
    private readonly double[] columnNorms;
    private double auxiliary, balanceCoefficient, zCoefficient;

    /// <summary>Copies a model's weights. The norms of the head's columns are taken now and stay, as no gradient flows
    /// through them.</summary>
    public PlainModel(MoeTransformer model)
    {
        config = model.Config;
        foreach (Parameter parameter in model.Parameters.All)
            Weights.Add(parameter.Spec.Name, Numbers.Doubles(parameter.Best));
        foreach ((int layer, RouterState router) in model.RouterStates)
        {
            if (router.Bias is not null)
                biases.Add(layer, Numbers.Doubles(router.Bias));
        }
        double[] head = Head;
        columnNorms = [.. Enumerable.Range(0, config.HiddenSize).Select(column => config.NormHead
            ? Math.Sqrt(Enumerable.Range(0, config.VocabSize).Sum(row => Math.Pow(head[row * config.HiddenSize + column], 2))) + 1e-7
            : 1.0)];
    }

    /// <summary>By the names of <see cref="ParameterLayout"/>; change them to see what changes.</summary>
    public Dictionary<string, double[]> Weights { get; } = [];

    /// <summary>Mean next-token loss of the last <see cref="Objective"/>.</summary>
    public double Loss { get; private set; }

    /// <summary>Mean loss of the prediction layers of the last <see cref="Objective"/>.</summary>
    public double PredictionLoss { get; private set; }

    private double[] Head => Weights[config.TieWordEmbeddings ? ParameterLayout.EmbeddingName : ParameterLayout.HeadName];

    /// <summary>Loss, prediction loss and auxiliary losses with their weights, over windows of seq + 1 ids.</summary>
    public double Objective(long[][] ids, double balance, double z)
    {
        (auxiliary, balanceCoefficient, zCoefficient) = (0, balance, z);
        int seq = ids[0].Length - 1;
        double[][] hidden = Decode(ids, seq);
        Loss = Predict(hidden, ids, seq, ahead: 1);
        PredictionLoss = 0;
        for (int depth = 1; depth <= config.NumNextnPredictLayers; depth++)
        {
            hidden = PredictionLayer(ids, hidden, depth, seq);
            PredictionLoss += Predict(hidden, ids, seq, ahead: depth + 1) / config.NumNextnPredictLayers;
        }
        return Loss + config.MtpLossScalingFactor * PredictionLoss + auxiliary;
    }

    /// <summary>Logits of every position, row by row.</summary>
    public double[][] Logits(long[][] ids) => [.. Decode(ids, ids[0].Length).Select(LogitsOf)];

    private double[][] Decode(long[][] ids, int seq)
    {
        double[][] x = [.. ids.SelectMany(row => row.Take(seq)).Select(Embed)];
        for (int layer = 0; layer < config.NumHiddenLayers; layer++)
            x = Layer(layer, x, seq);
        return Norm(x, Weights[ParameterLayout.FinalNormName]);
    }

    private double[][] PredictionLayer(long[][] ids, double[][] hidden, int depth, int seq)
    {
        int layer = config.NumHiddenLayers + depth - 1;
        string prefix = ParameterLayout.LayerPrefix(layer);
        double[][] next = new double[hidden.Length][];
        for (int t = 0; t < next.Length; t++)
        {
            int position = t % seq + depth;
            next[t] = Embed(position <= seq ? ids[t / seq][position] : 0);
        }
        next = Norm(next, Weights[prefix + "enorm.weight"]);
        double[][] normed = Norm(hidden, Weights[prefix + "hnorm.weight"]);
        double[][] joined = [.. next.Zip(normed, (e, h) => (double[])[.. e, .. h])];
        double[][] projected = Project(joined, Weights[prefix + "eh_proj.weight"], 0, config.HiddenSize);
        return Norm(Layer(layer, projected, seq), Weights[prefix + "final_layernorm.weight"]);
    }

    /// <summary>Mean loss of predicting the id <paramref name="ahead"/> places on, where there is one.</summary>
    private double Predict(double[][] hidden, long[][] ids, int seq, int ahead)
    {
        double sum = 0;
        int count = 0;
        for (int t = 0; t < hidden.Length; t++)
        {
            if (t % seq + ahead > seq)
                continue;
            double[] logits = LogitsOf(hidden[t]);
            sum += Math.Log(logits.Sum(Math.Exp)) - logits[ids[t / seq][t % seq + ahead]];
            count++;
        }
        return count == 0 ? 0 : sum / count;
    }

    private double[] LogitsOf(double[] hidden) =>
        Project([[.. hidden.Select((value, i) => value / columnNorms[i])]], Head, 0, config.VocabSize)[0];

    private double[] Embed(long id) =>
        Weights[ParameterLayout.EmbeddingName].AsSpan((int)id * config.HiddenSize, config.HiddenSize).ToArray();

    private double[][] Layer(int layer, double[][] x, int seq)
    {
        string prefix = ParameterLayout.LayerPrefix(layer);
        double[][] middle = Add(x, Attention(prefix + "attention.", Norm(x, Weights[prefix + "input_layernorm.weight"]), seq));
        double[][] normed = Norm(middle, Weights[prefix + "post_attention_layernorm.weight"]);
        return Add(middle, config.IsMoeLayer(layer)
            ? Experts(layer, prefix + "mlp.", normed)
            : Mlp(normed, Weights[prefix + "mlp.gate_up_proj"], 0, Weights[prefix + "mlp.down_proj"], 0, config.IntermediateSize));
    }

    private double[][] Attention(string prefix, double[][] x, int seq)
    {
        int width = config.ResolvedHeadDim, heads = config.NumAttentionHeads, keyHeads = config.NumKeyValueHeads;
        double[][] rows = Project(x, Weights[prefix + "query_key_value.weight"], 0, config.QueryKeyValueRows);
        double[] Part(int token, int index, string? norm)
        {
            double[] part = rows[token].AsSpan(index * width, width).ToArray();
            if (norm is null)
                return part;
            return Rotate(config.UseQkNorm ? Norm([part], Weights[prefix + norm])[0] : part, token % seq);
        }
        double[][][] queries = [.. x.Select((_, token) => Enumerable.Range(0, heads)
            .Select(head => Part(token, head, "query_layernorm.weight")).ToArray())];
        double[][][] keys = [.. x.Select((_, token) => Enumerable.Range(heads, keyHeads)
            .Select(head => Part(token, head, "key_layernorm.weight")).ToArray())];
        double[][] context = new double[x.Length][];
        for (int token = 0; token < x.Length; token++)
        {
            context[token] = new double[heads * width];
            for (int head = 0; head < heads; head++)
            {
                int keyHead = head / (heads / keyHeads), first = token - token % seq;
                double[] weights = [.. Enumerable.Range(first, token - first + 1).Select(past =>
                    Math.Exp(Numbers.Dot(queries[token][head], keys[past][keyHead]) / Math.Sqrt(width)))];
                double total = weights.Sum();
                for (int past = first; past <= token; past++)
                {
                    double[] value = Part(past, heads + keyHeads + keyHead, null);
                    for (int i = 0; i < width; i++)
                        context[token][head * width + i] += weights[past - first] / total * value[i];
                }
            }
        }
        return Project(context, Weights[prefix + "dense.weight"], 0, config.HiddenSize);
    }

    private double[] Rotate(double[] head, int position)
    {
        int rotated = (int)(config.ResolvedHeadDim * config.PartialRotaryFactor);
        double[] result = [.. head];
        for (int j = 0; j < rotated / 2; j++)
        {
            (double sin, double cos) = Math.SinCos(position * Math.Pow(config.RopeTheta, -2.0 * j / rotated));
            result[j] = head[j] * cos - head[j + rotated / 2] * sin;
            result[j + rotated / 2] = head[j + rotated / 2] * cos + head[j] * sin;
        }
        return result;
    }

    private double[][] Experts(int layer, string prefix, double[][] x)
    {
        double[][] logits = Project(x, Weights[prefix + "gate.weight"], 0, config.NumExperts);
        double[][] scores = [.. logits.Select(token => PlainRouter.Scores(config, token))];
        int[][] choices = [.. scores.Select(token => PlainRouter.Choose(config, token, biases.GetValueOrDefault(layer)))];
        auxiliary += balanceCoefficient * PlainRouter.Balance(config, scores, choices) + zCoefficient * PlainRouter.Z(logits);
        int dim = config.HiddenSize, width = config.MoeIntermediateSize;
        double[] gateUp = Weights[prefix + "experts.gate_up_proj"], down = Weights[prefix + "experts.down_proj"];
        double[][] output = [.. x.Select(_ => new double[dim])];
        for (int token = 0; token < x.Length; token++)
        {
            double[] weights = PlainRouter.Weigh(config, scores[token], choices[token]);
            for (int k = 0; k < weights.Length; k++)
            {
                int expert = choices[token][k];
                double[] y = Mlp([x[token]], gateUp, expert * 2 * width * dim, down, expert * dim * width, width)[0];
                for (int i = 0; i < dim; i++)
                    output[token][i] += weights[k] * y[i];
            }
        }
        return config.NumSharedExperts == 0 ? output : Add(output, Mlp(
            x, Weights[prefix + "shared_experts.gate_up_proj"], 0, Weights[prefix + "shared_experts.down_proj"], 0,
            config.NumSharedExperts * width));
    }

    private static double[][] Mlp(double[][] x, double[] gateUp, int gateUpAt, double[] down, int downAt, int width)
    {
        double[][] gate = Project(x, gateUp, gateUpAt, width);
        double[][] up = Project(x, gateUp, gateUpAt + width * x[0].Length, width);
        double[][] hidden = [.. gate.Zip(up, (g, u) => g.Zip(u, (a, b) => a / (1 + Math.Exp(-a)) * b).ToArray())];
        return Project(hidden, down, downAt, x[0].Length);
    }

    private double[][] Norm(double[][] x, double[] gain) => [.. x.Select(row =>
    {
        double root = Math.Sqrt(row.Sum(value => value * value) / row.Length + config.RmsNormEps);
        return row.Select((value, i) => value / root * gain[i]).ToArray();
    })];

    private static double[][] Project(double[][] x, double[] weight, int at, int outputs) => [.. x.Select(row =>
    {
        double[] y = new double[outputs];
        for (int i = 0; i < outputs; i++)
            y[i] = Numbers.Dot(row, weight.AsSpan(at + i * row.Length, row.Length));
        return y;
    })];

    private static double[][] Add(double[][] a, double[][] b) =>
        [.. a.Zip(b, (left, right) => left.Zip(right, (p, q) => p + q).ToArray())];
}
