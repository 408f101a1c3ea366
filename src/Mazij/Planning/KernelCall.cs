using Mazij.Kernels;

namespace Mazij.Planning;

/// <summary>Work of one kernel as a plan counts it: its matrix products, the bytes it cannot do without, and the shape of a product,
/// on which it depends how near to its peak a device comes.</summary>
/// <param name="Kernel">The kernel.</param>
/// <param name="Backward">Its backward pass.</param>
/// <param name="Flops">Two for each multiplication and addition, over all groups.</param>
/// <param name="Bytes">Read and written, over all groups.</param>
/// <param name="Groups">Equal products side by side, such as those of the experts; 0 if it has none.</param>
/// <param name="Rows">M of each: tokens that one expert sees, or all.</param>
/// <param name="Columns">N of each.</param>
/// <param name="Depth">K of each.</param>
internal readonly record struct KernelCall(
    KernelName Kernel, bool Backward, double Flops, double Bytes, double Groups = 0, double Rows = 0, double Columns = 0, double Depth = 0);
