namespace Mazij.Kernels.Libtorch;

/// <summary>
/// libtorch's C functions as they are declared in torch/csrc/inductor/aoti_torch/c/shim.h, its generated c_shim_cpu.h
/// and torch/csrc/stable/c/shim.h of release 2.10. Each returns 0, or a failure whose text libtorch has written to
/// stderr. A tensor is an at::Tensor*, which is what TorchSharp's Tensor.Handle holds.
/// </summary>
internal static unsafe class Shim
{
    // Facts of a tensor.
    public static readonly delegate* unmanaged[Cdecl]<nint, long*, int> GetDim =
        (delegate* unmanaged[Cdecl]<nint, long*, int>)TorchAbi.Export("aoti_torch_get_dim");
    public static readonly delegate* unmanaged[Cdecl]<nint, long**, int> GetSizes =
        (delegate* unmanaged[Cdecl]<nint, long**, int>)TorchAbi.Export("aoti_torch_get_sizes");
    public static readonly delegate* unmanaged[Cdecl]<nint, long**, int> GetStrides =
        (delegate* unmanaged[Cdecl]<nint, long**, int>)TorchAbi.Export("aoti_torch_get_strides");
    public static readonly delegate* unmanaged[Cdecl]<nint, int*, int> GetDType =
        (delegate* unmanaged[Cdecl]<nint, int*, int>)TorchAbi.Export("aoti_torch_get_dtype");
    public static readonly delegate* unmanaged[Cdecl]<nint, int*, int> GetDeviceType =
        (delegate* unmanaged[Cdecl]<nint, int*, int>)TorchAbi.Export("aoti_torch_get_device_type");
    public static readonly delegate* unmanaged[Cdecl]<nint, int*, int> GetDeviceIndex =
        (delegate* unmanaged[Cdecl]<nint, int*, int>)TorchAbi.Export("aoti_torch_get_device_index");
    public static readonly delegate* unmanaged[Cdecl]<nint, int*, int> GetLayout =
        (delegate* unmanaged[Cdecl]<nint, int*, int>)TorchAbi.Export("aoti_torch_get_layout");
    public static readonly delegate* unmanaged[Cdecl]<nint, void**, int> GetDataPtr =
        (delegate* unmanaged[Cdecl]<nint, void**, int>)TorchAbi.Export("aoti_torch_get_data_ptr");

    // Handles. A new handle shares the tensor and is owned by whoever asked for it.
    public static readonly delegate* unmanaged[Cdecl]<nint, nint*, int> NewHandle =
        (delegate* unmanaged[Cdecl]<nint, nint*, int>)TorchAbi.Export("aoti_torch_new_tensor_handle");
    public static readonly delegate* unmanaged[Cdecl]<nint, int> DeleteHandle =
        (delegate* unmanaged[Cdecl]<nint, int>)TorchAbi.Export("aoti_torch_delete_tensor_object");

    /// <summary>data, dimensions, sizes, strides, storage offset, dtype, device type, device index, result.</summary>
    public static readonly delegate* unmanaged[Cdecl]<
        void*, long, long*, long*, long, int, int, int, nint*, int> FromBlob =
        (delegate* unmanaged[Cdecl]<void*, long, long*, long*, long, int, int, int, nint*, int>)
        TorchAbi.Export("aoti_torch_create_tensor_from_blob");

    // Products: out first. The CPU's own entries skip the dispatcher; the others work on every device.
    public static readonly delegate* unmanaged[Cdecl]<nint, nint, nint, int> CpuMm =
        (delegate* unmanaged[Cdecl]<nint, nint, nint, int>)TorchAbi.Export("aoti_torch_cpu_mm_out");
    public static readonly delegate* unmanaged[Cdecl]<nint, nint, nint, int> CpuBmm =
        (delegate* unmanaged[Cdecl]<nint, nint, nint, int>)TorchAbi.Export("aoti_torch_cpu_bmm_out");
    public static readonly delegate* unmanaged[Cdecl]<nint, nint, nint, nint, double, double, int> CpuAddMm =
        (delegate* unmanaged[Cdecl]<nint, nint, nint, nint, double, double, int>)
        TorchAbi.Export("aoti_torch_cpu_addmm_out");
    public static readonly delegate* unmanaged[Cdecl]<nint, nint, nint, nint, double, double, int> CpuBAddBmm =
        (delegate* unmanaged[Cdecl]<nint, nint, nint, nint, double, double, int>)
        TorchAbi.Export("aoti_torch_cpu_baddbmm_out");
    public static readonly delegate* unmanaged[Cdecl]<nint, nint, nint, int> Mm =
        (delegate* unmanaged[Cdecl]<nint, nint, nint, int>)TorchAbi.Export("aoti_torch_mm_out");
    public static readonly delegate* unmanaged[Cdecl]<nint, nint, nint, int> Bmm =
        (delegate* unmanaged[Cdecl]<nint, nint, nint, int>)TorchAbi.Export("aoti_torch_bmm_out");
    public static readonly delegate* unmanaged[Cdecl]<nint, nint, nint, nint, float, float, int> AddMm =
        (delegate* unmanaged[Cdecl]<nint, nint, nint, nint, float, float, int>)TorchAbi.Export("aoti_torch_addmm_out");

    // The dispatcher. Values are 64 bits each; lists are native vectors of them.
    public static readonly delegate* unmanaged[Cdecl]<byte*, byte*, ulong*, ulong, int> CallDispatcher =
        (delegate* unmanaged[Cdecl]<byte*, byte*, ulong*, ulong, int>)TorchAbi.Export("torch_call_dispatcher");
    public static readonly delegate* unmanaged[Cdecl]<nuint, nint*, int> NewList =
        (delegate* unmanaged[Cdecl]<nuint, nint*, int>)TorchAbi.Export("torch_new_list_reserve_size");
    public static readonly delegate* unmanaged[Cdecl]<nint, ulong, int> ListPushBack =
        (delegate* unmanaged[Cdecl]<nint, ulong, int>)TorchAbi.Export("torch_list_push_back");
    public static readonly delegate* unmanaged[Cdecl]<nint, nuint, ulong*, int> ListGetItem =
        (delegate* unmanaged[Cdecl]<nint, nuint, ulong*, int>)TorchAbi.Export("torch_list_get_item");
    public static readonly delegate* unmanaged[Cdecl]<nint, nuint*, int> ListSize =
        (delegate* unmanaged[Cdecl]<nint, nuint*, int>)TorchAbi.Export("torch_list_size");
    public static readonly delegate* unmanaged[Cdecl]<nint, int> DeleteList =
        (delegate* unmanaged[Cdecl]<nint, int>)TorchAbi.Export("torch_delete_list");

    /// <summary>begin, end, grain, body(begin, end, state), state.</summary>
    public static readonly delegate* unmanaged[Cdecl]<
        long, long, long, delegate* unmanaged[Cdecl]<long, long, void*, void>, void*, int> ParallelFor =
        (delegate* unmanaged[Cdecl]<long, long, long, delegate* unmanaged[Cdecl]<long, long, void*, void>, void*, int>)
        TorchAbi.Export("torch_parallel_for");
    public static readonly delegate* unmanaged[Cdecl]<uint*, int> GetThreadIndex =
        (delegate* unmanaged[Cdecl]<uint*, int>)TorchAbi.Export("torch_get_thread_idx");

    /// <summary>Turns a failure code into an exception.</summary>
    /// <exception cref="InvalidOperationException">The code is not 0.</exception>
    public static void Check(int code, string operation)
    {
        if (code != 0)
            throw new InvalidOperationException($"libtorch's {operation} failed; the reason is on stderr");
    }
}
