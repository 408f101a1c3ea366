using System.Collections.Concurrent;
using System.Reflection;
using System.Text.Json;

namespace Mazij.Configuration;

/// <summary>A property of a record and the key it is bound to.</summary>
/// <param name="Name">The key that is written and shown.</param>
/// <param name="Aliases">Other keys that are read.</param>
/// <param name="Property">The property.</param>
/// <param name="Type">Its type, without <see cref="Nullable{T}"/>.</param>
/// <param name="IsNullable">Whether null may be given.</param>
/// <param name="Range">The numbers allowed, or null for all.</param>
internal sealed record RecordKey(
    string Name,
    IReadOnlyList<string> Aliases,
    PropertyInfo Property,
    Type Type,
    bool IsNullable,
    RangeAttribute? Range)
{
    /// <summary>The type of the items if this is a list, else null.</summary>
    public Type? ItemType { get; } =
        Type.IsGenericType && Type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)
            ? Type.GetGenericArguments()[0]
            : null;
}

/// <summary>The keys of a record type, found by reflection once.</summary>
internal sealed class RecordShape
{
    private static readonly ConcurrentDictionary<Type, RecordShape> Shapes = new();

    private readonly Dictionary<string, RecordKey> byName = [];
    private readonly MethodInfo clone;

    private RecordShape(Type type)
    {
        clone = CloneOf(type) ?? throw new InvalidOperationException($"{type} is not a record.");
        NullabilityInfoContext nullability = new();
        List<RecordKey> keys = [];
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.GetMethod is not null && p.SetMethod is not null).OrderBy(p => p.MetadataToken))
        {
            (string name, IReadOnlyList<string> aliases) = KeyOf(property);
            RecordKey key = new(
                name,
                aliases,
                property,
                Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType,
                nullability.Create(property).WriteState == NullabilityState.Nullable,
                property.GetCustomAttribute<RangeAttribute>());
            keys.Add(key);
            foreach (string spelling in aliases.Prepend(name))
                byName.Add(spelling, key);
        }
        Keys = keys;
    }

    /// <summary>The keys in the order of declaration.</summary>
    public IReadOnlyList<RecordKey> Keys { get; }

    /// <summary>Every spelling of every key.</summary>
    public IEnumerable<string> Spellings => byName.Keys;

    /// <summary>The shape of a record type.</summary>
    public static RecordShape Of(Type type) => Shapes.GetOrAdd(type, static t => new RecordShape(t));

    /// <summary>Whether a type is a record class.</summary>
    public static bool IsRecord(Type type) => CloneOf(type) is not null;

    /// <summary>The key and its aliases of a property or of an enum's member.</summary>
    public static (string Name, IReadOnlyList<string> Aliases) KeyOf(MemberInfo member) =>
        member.GetCustomAttribute<KeyAttribute>() is { } key
            ? (key.Name, key.Aliases)
            : (JsonNamingPolicy.SnakeCaseLower.ConvertName(member.Name), []);

    /// <summary>The property a key names, or null.</summary>
    public RecordKey? Find(string key) => byName.GetValueOrDefault(key);

    /// <summary>A copy of a record of this shape.</summary>
    public object Clone(object record) => clone.Invoke(record, null)!;

    /// <summary>Every dotted key of this record and the records in it, aliases included.</summary>
    public IEnumerable<string> DottedKeys() => Keys.SelectMany(key => key.Aliases.Prepend(key.Name).SelectMany(name =>
        IsRecord(key.Type) ? Of(key.Type).DottedKeys().Select(below => $"{name}.{below}").Prepend(name) : [name]));

    // The compiler gives every record class this method; it is what a `with` expression calls.
    private static MethodInfo? CloneOf(Type type) => type.IsValueType ? null : type.GetMethod("<Clone>$");
}
