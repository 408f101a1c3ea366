using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Mazij.Kernels.Libtorch;

/// <summary>
/// One call of any libtorch operator through its dispatcher, autograd included. Arguments are added in the order of the
/// operator's schema (aten/src/ATen/native/native_functions.yaml), all of them, defaults too. Dispose it: what was
/// built and not handed over is freed then. Operators with arguments of type Scalar cannot be called this way.
/// </summary>
/// <remarks>
/// Every value is 64 bits wide: a tensor is a new handle that the operator takes, a list is a native vector, a double
/// is its bits, an optional is 0 or a malloc'ed value, which the operator frees.
/// </remarks>
internal unsafe ref struct DispatcherCall : IDisposable
{
    private const int Capacity = 20;
    private const ulong AbiVersion = ((ulong)TorchAbi.Major << 56) | ((ulong)TorchAbi.Minor << 48);

    private readonly ReadOnlySpan<byte> name;
    private readonly ReadOnlySpan<byte> overload;
    private Values values;
    private Kinds kinds;
    private int count;

    /// <summary>Begins a call.</summary>
    /// <param name="name">The operator, as "aten::rms_norm"u8: a literal, which ends in a zero byte.</param>
    /// <param name="overload">Its overload, as ""u8 or "out"u8: a literal.</param>
    public DispatcherCall(ReadOnlySpan<byte> name, ReadOnlySpan<byte> overload)
    {
        this.name = name;
        this.overload = overload;
    }

    private enum Kind : byte
    {
        Plain,
        Tensor,
        TensorList,
        PlainList,
        OptionalTensor,
        OptionalPlain,
    }

    /// <summary>Adds a tensor.</summary>
    public void Add(Tensor tensor) => Push((ulong)NewHandle(tensor), Kind.Tensor);

    /// <summary>Adds an argument of type Tensor?.</summary>
    public void AddOptional(Tensor? tensor)
    {
        if (tensor is null)
            AddNone();
        else
            Push(Boxed((ulong)NewHandle(tensor)), Kind.OptionalTensor);
    }

    /// <summary>Adds a list of tensors; one given alone for many is repeated <paramref name="count"/> times.</summary>
    public void Add(scoped ReadOnlySpan<Tensor> tensors, int? count = null)
    {
        int length = count ?? tensors.Length;
        nint list = NewList(length);
        Push((ulong)list, Kind.TensorList);
        for (int i = 0; i < length; i++)
        {
            nint handle = NewHandle(tensors[tensors.Length == 1 ? 0 : i]);
            Shim.Check(Shim.ListPushBack(list, (ulong)handle), "list_push_back");
        }
    }

    /// <summary>Adds an argument of type int[] or SymInt[].</summary>
    public void Add(scoped ReadOnlySpan<long> numbers)
    {
        nint list = NewList(numbers.Length);
        Push((ulong)list, Kind.PlainList);
        foreach (long number in numbers)
            Shim.Check(Shim.ListPushBack(list, (ulong)number), "list_push_back");
    }

    /// <summary>Adds an argument of type float.</summary>
    public void Add(double number) => Push(BitConverter.DoubleToUInt64Bits(number), Kind.Plain);

    /// <summary>Adds an argument of type float?.</summary>
    public void AddOptional(double? number)
    {
        if (number is { } value)
            Push(Boxed(BitConverter.DoubleToUInt64Bits(value)), Kind.OptionalPlain);
        else
            AddNone();
    }

    /// <summary>Adds an argument of type int or SymInt.</summary>
    public void Add(long number) => Push((ulong)number, Kind.Plain);

    /// <summary>Adds an argument of type bool.</summary>
    public void Add(bool flag) => Push(flag ? 1UL : 0UL, Kind.Plain);

    /// <summary>Adds an absent optional argument of any type.</summary>
    public void AddNone() => Push(0, Kind.Plain);

    /// <summary>Calls an operator that returns nothing.</summary>
    /// <exception cref="InvalidOperationException">The operator failed; libtorch has written why to stderr.</exception>
    public void Invoke() => Call();

    /// <summary>Calls an operator that returns one tensor.</summary>
    /// <exception cref="InvalidOperationException">The operator failed; libtorch has written why to stderr.</exception>
    public Tensor InvokeForTensor()
    {
        Call();
        return Tensor.UnsafeCreateTensor((nint)values[0]);
    }

    /// <summary>Frees the arguments of a call that was not made.</summary>
    public void Dispose()
    {
        for (int i = 0; i < count; i++)
            Free(values[i], kinds[i]);
        count = 0;
    }

    private static nint NewHandle(Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        nint handle;
        Shim.Check(Shim.NewHandle(tensor.Handle, &handle), "new_tensor_handle");
        GC.KeepAlive(tensor);
        return handle;
    }

    private static nint NewList(int length)
    {
        nint list;
        Shim.Check(Shim.NewList((nuint)length, &list), "new_list");
        return list;
    }

    private static ulong Boxed(ulong value)
    {
        ulong* box = (ulong*)NativeMemory.Alloc(sizeof(ulong));
        *box = value;
        return (ulong)box;
    }

    private static void Free(ulong value, Kind kind)
    {
        switch (kind)
        {
            case Kind.Tensor:
                Shim.DeleteHandle((nint)value);
                break;
            case Kind.TensorList:
                nuint size;
                Shim.ListSize((nint)value, &size);
                for (nuint i = 0; i < size; i++)
                {
                    ulong item;
                    Shim.ListGetItem((nint)value, i, &item);
                    Shim.DeleteHandle((nint)item);
                }
                Shim.DeleteList((nint)value);
                break;
            case Kind.PlainList:
                Shim.DeleteList((nint)value);
                break;
            case Kind.OptionalTensor:
                Shim.DeleteHandle((nint)(*(ulong*)value));
                NativeMemory.Free((void*)value);
                break;
            case Kind.OptionalPlain:
                NativeMemory.Free((void*)value);
                break;
            default:
                break;
        }
    }

    private void Push(ulong value, Kind kind)
    {
        if (count == Capacity)
        {
            Free(value, kind);
            throw new InvalidOperationException($"more than {Capacity} arguments");
        }
        values[count] = value;
        kinds[count++] = kind;
    }

    private void Call()
    {
        int code;
        fixed (byte* operatorName = name, overloadName = overload)
        fixed (ulong* stack = &values[0])
        {
            // From here on the arguments belong to the operator, whether it succeeds or fails.
            count = 0;
            byte empty = 0;
            code = Shim.CallDispatcher(operatorName, overload.IsEmpty ? &empty : overloadName, stack, AbiVersion);
        }
        if (code != 0)
        {
            throw new InvalidOperationException(
                $"libtorch's {System.Text.Encoding.UTF8.GetString(name)} failed; the reason is on stderr");
        }
    }

    [InlineArray(Capacity)]
    private struct Values
    {
        private ulong first;
    }

    [InlineArray(Capacity)]
    private struct Kinds
    {
        private Kind first;
    }
}
