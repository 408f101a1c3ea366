namespace Mazij.Planning;

/// <summary>How long a device takes for work: by what was measured there, or by what is assumed of its kind.</summary>
internal interface IKernelRates
{
    /// <summary>Seconds of one kernel.</summary>
    double Seconds(in KernelCall call);
}
