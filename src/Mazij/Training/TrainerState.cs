using Mazij.Data;
using Mazij.Training.Spikes;

namespace Mazij.Training;

/// <summary>What a trainer knows between two steps, beside the model and the optimiser.</summary>
/// <param name="Progress">How far the run has come.</param>
/// <param name="Batches">Where the drawing of samples stands.</param>
/// <param name="Guard">What the spike guard remembers.</param>
internal sealed record TrainerState(TrainingProgress Progress, BatchSourceState Batches, SpikeGuardState Guard);
