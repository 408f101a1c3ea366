namespace Mazij.Devices.Catalogue;

/// <summary>A figure of a device as its catalogue has it.</summary>
/// <param name="Name">Its dotted key, as peak.bf16.</param>
/// <param name="Value">The number.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="Source">The id of its source; null if none is named.</param>
internal readonly record struct DeviceFigure(string Name, double Value, string Unit, string? Source);
