using Mazij.Devices.Profiles;
using Mazij.Models;
using Mazij.Planning;
using Mazij.Tests.Devices.Profiles;
using Mazij.Tests.Hostile.Mutations;

namespace Mazij.Tests.Hostile.Targets;

/// <summary>Profiles of devices, and what is predicted from them.</summary>
internal sealed class ProfileTarget : HostileTarget
{
    private const string Profile = "profile.json";
    private static readonly ModelConfig model = ModelPresets.Find("quickstart")!;

    public ProfileTarget()
    {
        ProfileFile.Write(Folder[Profile], ProfileSamples.Whole);
        Folder.TakeOriginals();
    }

    public override string Name => "profile";

    public override int Share => 40;

    protected override IReadOnlyList<(string File, Mutation How)> Kinds { get; } =
        [(Profile, JsonMutations.Any), (Profile, JsonMutations.Any), (Profile, TextMutations.Any), (Profile, ByteMutations.Any)];

    public override void Read()
    {
        DeviceProfile profile = ProfileFile.Read(Folder[Profile]);
        foreach (ProfileDtype dtype in Enum.GetValues<ProfileDtype>().Where(profile.Covers))
        {
            LocalSpeed speed = LocalSpeed.Of(profile, dtype);
            TrainingWork work = new(model, 2);
            double seconds = speed.Step(work.MicroBatch(8, 256), work.Update(), 1, 4) + speed.Evaluation(model, 8, 256, 1000, 2);
            Assert.True(double.IsFinite(seconds) && seconds > 0, $"a step is predicted to take {seconds} s");
        }
    }
}
