using System.Globalization;
using TorchSharp;

namespace Mazij.Devices;

/// <summary>
/// A device as users name it: "cpu", "cuda:0", "mps", "xpu:0", "npu:0", or libtorch's own number for the kind of
/// device, as "20:0".
/// </summary>
/// <param name="Type">libtorch's number for the kind of device (c10/core/DeviceType.h).</param>
/// <param name="Index">Which of them, from 0.</param>
public readonly record struct DeviceName(int Type, int Index)
{
    // The first name of a number is the one that is shown. ROCm builds of libtorch call their devices cuda, and every
    // vendor that registers itself from outside is PrivateUse1, whatever it calls itself.
    private static readonly (string Name, int Type)[] known =
    [
        ("cpu", 0), ("cuda", 1), ("rocm", 1), ("hip", 1), ("xla", 9), ("vulkan", 10), ("xpu", 12), ("mps", 13),
        ("meta", 14), ("hpu", 15), ("mtia", 19), ("npu", 20), ("musa", 20), ("mlu", 20), ("privateuseone", 20),
    ];

    private const int LargestType = 20, LargestIndex = 127;

    /// <summary>The CPU.</summary>
    public static DeviceName Cpu { get; }

    /// <summary>Whether this is the CPU, whose memory this process can read directly.</summary>
    public bool IsCpu => Type == 0;

    /// <summary>Reads a name.</summary>
    /// <param name="text">A name or a number, and after a colon an index unless it is 0.</param>
    /// <returns>The device, which need not exist here: see <see cref="Open"/>.</returns>
    /// <exception cref="InputException">It is no device's name; the message says which are nearest.</exception>
    public static DeviceName Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string trimmed = text.Trim();
        int colon = trimmed.IndexOf(':', StringComparison.Ordinal);
        string kind = (colon < 0 ? trimmed : trimmed[..colon]).ToLowerInvariant();
        int index = 0;
        if (colon >= 0 && !TryNumber(trimmed[(colon + 1)..], LargestIndex, out index))
        {
            throw new InputException(
                $"device '{text}': after the colon comes a number from 0 to {LargestIndex}, as in {kind}:0");
        }
        if (!TryNumber(kind, LargestType, out int type))
        {
            type = Array.Find(known, k => k.Name == kind) is { Name: not null } match ? match.Type : -1;
            if (type < 0)
                throw new InputException($"unknown device '{text}'; {Nearest(kind)}");
        }
        if (type == 0 && index != 0)
            throw new InputException($"device '{text}': there is one cpu; write cpu");
        return new(type, index);
    }

    /// <summary>
    /// Makes sure that the device is there by putting a tensor on it. Loads libtorch if that has not happened yet.
    /// </summary>
    /// <returns>The device for TorchSharp.</returns>
    /// <exception cref="InputException">This libtorch has no backend for it, or the machine has no such
    /// device.</exception>
    public torch.Device Open()
    {
        LibTorchInfo libtorch = LibTorch.Load();
        if (TryOpen(out torch.Device device, out string reason))
            return device;
        throw new InputException(
            $"device {this} cannot be used with libtorch {libtorch.Version} in {libtorch.Directory}: {reason}; "
            + (Type == 20
                ? "load its vendor's backend by --plugin LIB.so"
                : "name a libtorch built for it by --libtorch DIR")
            + ", or see `mazij devices list` for what is there");
    }

    /// <summary>The device for TorchSharp, unchecked.</summary>
    public torch.Device ToTorch() => new((DeviceType)Type, IsCpu || Type == 14 ? -1 : Index);

    /// <summary>The name as it is written: "cpu", "cuda:0", "20:1" for a kind without a name.</summary>
    public override string ToString()
    {
        int type = Type;
        string name = Array.Find(known, k => k.Type == type).Name ?? type.ToString(CultureInfo.InvariantCulture);
        return IsCpu || type is 13 or 14 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}:{Index}");
    }

    /// <summary>Puts a tensor on the device and, unless it is the meta device, reads it back.</summary>
    internal bool TryOpen(out torch.Device device, out string reason)
    {
        device = ToTorch();
        reason = "";
        try
        {
            using IDisposable noGrad = torch.no_grad();
            using torch.Tensor there = torch.ones(1, torch.ScalarType.Float32, device);
            if (Type == 14)
                return true;
            using torch.Tensor back = there.to(torch.CPU);
            if (back.item<float>() == 1)
                return true;
            reason = "a 1 came back as another number";
        }
        catch (Exception e) when (e is System.Runtime.InteropServices.ExternalException or InvalidOperationException
            or NotSupportedException or ArgumentException)
        {
            reason = Essence(e.Message);
        }
        return false;
    }

    private static string Essence(string message)
    {
        string line = message.Split('\n', 2)[0].Trim().TrimEnd('.');
        if (line.StartsWith("Could not run", StringComparison.Ordinal)
            || line.StartsWith("PyTorch is not linked", StringComparison.Ordinal)
            || line.Contains("did not initialise", StringComparison.Ordinal))
        {
            return "it has no backend for it, or found no such device";
        }
        const int longest = 200;
        return line.Length <= longest ? line : line[..longest] + "...";
    }

    private static string Nearest(string kind)
    {
        IEnumerable<(string Name, int Distance)> ranked = known
            .Select(k => (k.Name, Distance: Distance(kind, k.Name)))
            .OrderBy(k => k.Distance);
        string[] near = [.. ranked.Where(k => k.Distance <= 2).Select(k => k.Name).Take(3)];
        return near.Length > 0
            ? $"did you mean {string.Join(" or ", near)}?"
            : "known are cpu, cuda, mps, xpu, npu and libtorch's numbers, as 20:0";
    }

    // Levenshtein.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(above, row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }

    private static bool TryNumber(string text, int largest, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && number <= largest;
}
