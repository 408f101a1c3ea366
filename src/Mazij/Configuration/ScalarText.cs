using System.Globalization;
using System.Text.RegularExpressions;

namespace Mazij.Configuration;

/// <summary>Scalars between YAML text and C# values: strings, booleans, whole numbers, floats, enums.</summary>
internal static partial class ScalarText
{
    /// <summary>Whether a type is written as a single value.</summary>
    public static bool Handles(Type type) =>
        type.IsEnum || type == typeof(string) || type == typeof(bool) || type == typeof(int) || type == typeof(long)
        || type == typeof(float) || type == typeof(double);

    /// <summary>The value of a scalar.</summary>
    /// <exception cref="InputException">The text is not of that type.</exception>
    public static object Parse(YamlScalar scalar, Type type)
    {
        if (type == typeof(string))
            return scalar.IsNull ? throw Wrong(scalar, "text") : scalar.Text;
        // Quotes say "this is text": a quoted number is not a number.
        string? plain = scalar.IsPlain ? scalar.Text : null;
        if (type.IsEnum)
            return ParseEnum(scalar, type);
        if (type == typeof(bool))
        {
            return plain switch
            {
                "true" or "True" or "TRUE" => true,
                "false" or "False" or "FALSE" => false,
                _ => throw Wrong(scalar, "true or false"),
            };
        }
        if (type == typeof(int))
            return (int)ParseWhole(scalar, plain, int.MinValue, int.MaxValue);
        if (type == typeof(long))
            return ParseWhole(scalar, plain, long.MinValue, long.MaxValue);
        if (type == typeof(float))
            return ParseFloat<float>(scalar, plain);
        return ParseFloat<double>(scalar, plain);
    }

    /// <summary>The scalar that <see cref="Parse"/> reads back as the same value.</summary>
    public static YamlScalar Format(object value)
    {
        string text = value switch
        {
            string s => s,
            bool b => b ? "true" : "false",
            Enum e => EnumNames(e.GetType()).First(name => name.Value.Equals(e)).Key,
            float f => FormatFloat(f),
            double d => FormatFloat(d),
            _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
        };
        return new YamlScalar(YamlLocation.Of(""), text, IsPlain: value is not string);
    }

    /// <summary>The YAML names of an enum's members, in the order of declaration.</summary>
    public static IEnumerable<KeyValuePair<string, object>> EnumNames(Type type) =>
        type.GetFields(System.Reflection.BindingFlags.Public | System.Reflection.BindingFlags.Static)
            .OrderBy(field => field.MetadataToken)
            .Select(field => new KeyValuePair<string, object>(RecordShape.KeyOf(field).Name, field.GetValue(null)!));

    private static object ParseEnum(YamlScalar scalar, Type type)
    {
        List<KeyValuePair<string, object>> names = [.. EnumNames(type)];
        foreach ((string name, object value) in names)
        {
            if (name == scalar.Text)
                return value;
        }
        string hint = NearestName.Hint(scalar.Text, names.Select(name => name.Key));
        throw Wrong(scalar, $"one of {string.Join(", ", names.Select(name => name.Key))}", hint);
    }

    private static long ParseWhole(YamlScalar scalar, string? plain, long minimum, long maximum)
    {
        if (plain is null || !NumberPattern().IsMatch(plain))
            throw Wrong(scalar, "a whole number");
        // Decimal keeps 1e9 and 2_000_000 exact; anything it cannot hold is outside every integer type here.
        string digits = plain.Replace("_", "");
        if (!decimal.TryParse(digits, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal number))
            throw Wrong(scalar, $"a whole number from {minimum} to {maximum}");
        if (number != decimal.Truncate(number) || !IsWholeAsDouble(digits))
            throw Wrong(scalar, "a whole number");
        return number >= minimum && number <= maximum
            ? (long)number
            : throw Wrong(scalar, $"a whole number from {minimum} to {maximum}");
    }

    // Decimal rounds below 1e-28 to zero, where a double still sees that something is left.
    private static bool IsWholeAsDouble(string digits) =>
        double.Parse(digits, CultureInfo.InvariantCulture) is var number && number == Math.Truncate(number);

    private static T ParseFloat<T>(YamlScalar scalar, string? plain)
        where T : struct, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        if (plain is null || !NumberPattern().IsMatch(plain))
            throw Wrong(scalar, "a number");
        T number = T.Parse(plain.Replace("_", ""), NumberStyles.Float, CultureInfo.InvariantCulture);
        return T.IsFinite(number) ? number : throw Wrong(scalar, "a number of smaller size");
    }

    private static string FormatFloat<T>(T value)
        where T : struct, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        if (!T.IsFinite(value))
            throw new ArgumentException($"A configuration holds finite numbers, not {value}.");
        string text = value.ToString("R", CultureInfo.InvariantCulture);
        // YAML 1.1 readers take 1e-08 for text: only with a point and a signed exponent is it a number to all.
        int exponent = text.IndexOf('E', StringComparison.Ordinal);
        string mantissa = exponent < 0 ? text : text[..exponent];
        string point = mantissa.Contains('.') ? "" : ".0";
        return exponent < 0 ? mantissa + point : $"{mantissa}{point}e{text[(exponent + 1)..]}";
    }

    private static InputException Wrong(YamlScalar scalar, string expected, string hint = "") =>
        scalar.At.Error($"expected {expected}, found {scalar.Description}{hint}");

    [GeneratedRegex(@"^[-+]?([0-9](_?[0-9])*(\.([0-9](_?[0-9])*)?)?|\.[0-9](_?[0-9])*)([eE][-+]?[0-9]{1,9})?\z",
        RegexOptions.CultureInvariant)]
    private static partial Regex NumberPattern();
}
