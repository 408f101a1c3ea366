namespace Mazij.Devices.Probing;

/// <summary>What a probe measures.</summary>
/// <param name="Device">Where.</param>
/// <param name="Quick">Whether a rough profile is enough: fewer shapes, each measured once.</param>
/// <param name="StorageFolder">An existing folder whose disk is measured; null leaves it out.</param>
internal sealed record ProbeOptions(DeviceName Device, bool Quick, string? StorageFolder)
{
    /// <summary>After this time no further model is begun: the last one, products, memory and the disk take some seconds more.</summary>
    public TimeSpan Budget { get; init; } = TimeSpan.FromSeconds(47);

    /// <summary>Steps of each model that are measured.</summary>
    public int Rounds => Quick ? 1 : 3;
}
