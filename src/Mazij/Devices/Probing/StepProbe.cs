using Mazij.Devices.Profiles;
using static TorchSharp.torch;

namespace Mazij.Devices.Probing;

/// <summary>Trains small models and notes what their kernels take, with the caches as the kernels before leave them.</summary>
/// <param name="device">Where.</param>
/// <param name="rounds">Steps of each model that are measured at least.</param>
internal sealed class StepProbe(Device device, int rounds)
{
    private const int MostVisits = 3;
    private readonly Dictionary<(ProbeModel, ProfileDtype), ProbedModel> models = [];

    /// <summary>All that was measured, in the order in which models came.</summary>
    public IReadOnlyCollection<ProbedModel> Models => models.Values;

    /// <summary>libtorch's element type.</summary>
    public static ScalarType TypeOf(ProfileDtype dtype) => dtype == ProfileDtype.Bf16 ? ScalarType.BFloat16 : ScalarType.Float32;

    /// <summary>Bytes of a number.</summary>
    public static double BytesOf(ProfileDtype dtype) => dtype == ProfileDtype.Bf16 ? 2 : 4;

    /// <summary>Measures a model, for the first time or once more.</summary>
    public void Measure(ProbeModel probe, ProfileDtype dtype)
    {
        if (!models.TryGetValue((probe, dtype), out ProbedModel? model))
            models.Add((probe, dtype), model = new ProbedModel(probe, dtype, device));
        model.Visit(rounds);
    }

    /// <summary>The model to visit next, of those with the fewest visits the one beside which the machine was busiest; null if all were
    /// visited often enough.</summary>
    public (ProbeModel Model, ProfileDtype Dtype)? Next()
    {
        Dictionary<ProfileDtype, double> best = models.Values.GroupBy(model => model.Dtype)
            .ToDictionary(group => group.Key, group => group.Max(model => model.GemmRate));
        return models
            .Where(entry => entry.Value.Visits < MostVisits)
            .OrderBy(entry => entry.Value.Visits)
            .ThenBy(entry => entry.Value.GemmRate / best[entry.Value.Dtype])
            .Select(entry => ((ProbeModel, ProfileDtype)?)entry.Key)
            .FirstOrDefault();
    }
}
