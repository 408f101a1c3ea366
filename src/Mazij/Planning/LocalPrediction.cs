using Mazij.Configuration;
using Mazij.Data;
using Mazij.Devices;
using Mazij.Devices.Profiles;
using Mazij.Models;
using Mazij.Training;
using TorchSharp;

namespace Mazij.Planning;

/// <summary>Predicts what a run takes on this machine, by its profile if there is one.</summary>
internal static class LocalPrediction
{
    /// <summary>Below this share of the profile's rate of products, something else keeps the machine busy, and is worth telling.</summary>
    private const double Undisturbed = 0.8;

    /// <summary>Predicts a run that is about to begin. Takes a fraction of a second.</summary>
    /// <param name="model">Its model.</param>
    /// <param name="run">Its run file.</param>
    /// <param name="data">Its data.</param>
    /// <param name="target">Where and how it computes.</param>
    public static RunPrediction Of(ModelConfig model, RunConfig run, PreparedData data, ComputeTarget target)
    {
        double validation = data.Sources.Sum(source => (double)source.Dataset.Manifest.Validation.Tokens);
        RunCompute compute = new(
            target.ComputeType, torch.get_num_threads(), target.PeakFlopsPerSecond, validation, HasRoom(model, run.Training, target.ComputeType), data.SharedDocuments);
        ProfileDtype dtype = DtypeOf(target.ComputeType);
        if (ProfileStore.Find(ProfileStore.ThisMachine(DeviceName.Parse(target.Name))) is not DeviceProfile profile || !profile.Covers(dtype))
            return new RunPredictor(model, run, LocalSpeed.Typical(target.PeakFlopsPerSecond ?? 1e11), compute).Predict();
        // A share of the rate that the profile's kernels were measured beside.
        RunPrediction predicted = new RunPredictor(
            model, run, LocalSpeed.Of(profile, dtype), compute with { PeakFlopsPerSecond = profile.PeakGemm(dtype) }).Predict();
        double? now = target.PeakFlopsPerSecond / profile.PeakGemm(dtype);
        return now < Undisturbed
            ? predicted with { Basis = FormattableString.Invariant($"{predicted.Basis}; matrix products now reach {100 * now:F0} % of their rate then") }
            : predicted;
    }

    /// <summary>The speed that a profile gives a run on this machine.</summary>
    /// <param name="profile">A profile.</param>
    /// <param name="path">Its file, for messages.</param>
    /// <param name="machine">This machine.</param>
    /// <param name="type">The compute dtype.</param>
    /// <exception cref="InputException">It was taken on another machine, or lacks the dtype.</exception>
    public static LocalSpeed SpeedOf(DeviceProfile profile, string path, ProfiledMachine machine, torch.ScalarType type)
    {
        if (machine.DifferenceTo(profile.Machine) is string difference)
        {
            throw new InputException(
                $"{path}: is the profile of another machine or setting: this is {difference}; take one here by `mazij devices probe`");
        }
        ProfileDtype dtype = DtypeOf(type);
        return profile.Covers(dtype)
            ? LocalSpeed.Of(profile, dtype)
            : throw new InputException($"{path}: has no training steps in {ScalarText.Format(dtype).Text}; take another profile by `mazij devices probe`");
    }

    /// <summary>The dtype as profiles name it.</summary>
    public static ProfileDtype DtypeOf(torch.ScalarType type) => type == torch.ScalarType.BFloat16 ? ProfileDtype.Bf16 : ProfileDtype.Fp32;

    /// <summary>Whether there is memory for a copy to write checkpoints from.</summary>
    private static bool HasRoom(ModelConfig model, TrainingConfig training, torch.ScalarType type)
    {
        int threads = torch.get_num_threads();
        TrainingMemory without = TrainingMemory.Of(model, type, training, threads), with = TrainingMemory.Of(model, type, training, threads, snapshot: true);
        return without.Total + CheckpointCallback.RoomFor(with.Total - without.Total) <= AvailableMemory.ForThisProcess();
    }
}
