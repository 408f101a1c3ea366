using Mazij.Configuration;
using Mazij.Training.Reports;

namespace Mazij.Cli.LiveView;

/// <summary>What is known of a run before its first step and does not change.</summary>
internal sealed record RunFacts
{
    /// <summary>The run's folder, as the user would type it.</summary>
    public required string Name { get; init; }

    /// <summary>What is trained, in a few words.</summary>
    public required string Model { get; init; }

    /// <summary>When the run ends.</summary>
    public required StopConfig Stop { get; init; }

    /// <summary>What an hour costs.</summary>
    public required CostConfig Cost { get; init; }

    /// <summary>The sources of the data; empty if there is only one.</summary>
    public IReadOnlyList<SourceFacts> Sources { get; init; } = [];

    /// <summary>What gzip -9 needs for a byte of the validation text, of several sources by their shares at the start; null without
    /// such text.</summary>
    public double? GzipBitsPerByte { get; init; }

    /// <summary>Bytes of training text for each of its tokens; null without text.</summary>
    public double? BytesPerToken { get; init; }
}
