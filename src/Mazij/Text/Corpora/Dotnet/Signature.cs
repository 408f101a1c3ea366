using System.Text;

namespace Mazij.Text.Corpora.Dotnet;

/// <summary>Writes members as C# does, as far as their id tells: it holds no result types, no modifiers.</summary>
internal static class Signature
{
    private static readonly Dictionary<string, string> Operators = new()
    {
        ["op_Addition"] = "+",
        ["op_Subtraction"] = "-",
        ["op_Multiply"] = "*",
        ["op_Division"] = "/",
        ["op_Modulus"] = "%",
        ["op_BitwiseAnd"] = "&",
        ["op_BitwiseOr"] = "|",
        ["op_ExclusiveOr"] = "^",
        ["op_LeftShift"] = "<<",
        ["op_RightShift"] = ">>",
        ["op_UnsignedRightShift"] = ">>>",
        ["op_Equality"] = "==",
        ["op_Inequality"] = "!=",
        ["op_LessThan"] = "<",
        ["op_LessThanOrEqual"] = "<=",
        ["op_GreaterThan"] = ">",
        ["op_GreaterThanOrEqual"] = ">=",
        ["op_UnaryNegation"] = "-",
        ["op_UnaryPlus"] = "+",
        ["op_OnesComplement"] = "~",
        ["op_LogicalNot"] = "!",
        ["op_Increment"] = "++",
        ["op_Decrement"] = "--",
        ["op_True"] = "true",
        ["op_False"] = "false",
        ["op_CheckedAddition"] = "checked +",
        ["op_CheckedSubtraction"] = "checked -",
        ["op_CheckedMultiply"] = "checked *",
        ["op_CheckedDivision"] = "checked /",
        ["op_CheckedIncrement"] = "checked ++",
        ["op_CheckedDecrement"] = "checked --",
        ["op_CheckedUnaryNegation"] = "checked -",
    };

    /// <summary>What a reference in running text shows: "IEnumerable&lt;T&gt;", "String.Join(string,
    /// object[])".</summary>
    public static string Reference(string id)
    {
        // "Overload:System.IO.Stream.Read" names a family of methods; without a prefix it was not resolved.
        if (id.StartsWith("Overload:", StringComparison.Ordinal)) return LastTwo(id["Overload:".Length..]);
        MemberId member = MemberId.Parse(id);
        return member.Kind switch
        {
            'M' or 'P' or 'F' or 'E' => Of(member, [], [], []),
            'N' => member.TypeName,
            _ => TypeNameText.Generic(TypeNameText.Short(member.TypeName), []),
        };
    }

    /// <summary>
    /// A member's heading: "List&lt;T&gt;.IndexOf(T item, int index)". Explicitly implemented members show the
    /// interface in place of the type.
    /// </summary>
    /// <param name="id">The member, not a type.</param>
    /// <param name="typeParameters">Names of the type parameters of the declaring type.</param>
    /// <param name="methodParameters">Names of the method's own type parameters.</param>
    /// <param name="parameters">Names of the parameters; empty to leave them out.</param>
    public static string Of(
        MemberId id,
        IReadOnlyList<string> typeParameters,
        IReadOnlyList<string> methodParameters,
        IReadOnlyList<(string Name, string Text)> parameters)
    {
        string name = id.Name;
        typeParameters = TypeNameText.ParameterNames(id.TypeName, typeParameters);
        methodParameters = TypeNameText.ParameterNames(name[(name.LastIndexOf('#') + 1)..], methodParameters);
        string type = TypeNameText.Generic(TypeNameText.Short(id.TypeName), typeParameters);
        int hash = name.LastIndexOf('#');
        if (hash > 0)
        {
            string declaring = name[..hash].Replace('#', '.').Replace('@', ',');
            StringBuilder interfaceName = new();
            new TypeNameText(declaring, typeParameters, methodParameters).Write(interfaceName);
            type = interfaceName.ToString();
            name = name[(hash + 1)..];
        }
        StringBuilder output = new(64);
        bool indexer = id.Kind == 'P' && id.Arguments.Length > 0;
        if (name is "#ctor" or "#cctor") output.Append(type);
        else if (indexer && name == "Item") output.Append(type).Append(".this");
        else if (name is "op_Implicit" or "op_Explicit") Conversion(output, id, typeParameters, name);
        else if (Operators.TryGetValue(name, out string? symbol))
            output.Append(type).Append(".operator ").Append(symbol);
        else
            output.Append(type).Append(type.Length > 0 ? "." : "").Append(TypeNameText.Generic(name, methodParameters));
        if (id.Kind == 'M' || indexer)
        {
            output.Append(indexer ? '[' : '(');
            Arguments(output, id, name, typeParameters, methodParameters, parameters);
            output.Append(indexer ? ']' : ')');
        }
        return output.ToString();
    }

    private static void Conversion(StringBuilder output, MemberId id, IReadOnlyList<string> typeParameters, string name)
    {
        output.Append(name == "op_Implicit" ? "implicit operator " : "explicit operator ");
        new TypeNameText(id.Result, typeParameters, []).Write(output);
    }

    private static void Arguments(
        StringBuilder output,
        MemberId id,
        string name,
        IReadOnlyList<string> typeParameters,
        IReadOnlyList<string> methodParameters,
        IReadOnlyList<(string Name, string Text)> parameters)
    {
        TypeNameText types = new(id.Arguments, typeParameters, methodParameters);
        for (int i = 0; !types.AtEnd; i++)
        {
            if (i > 0)
            {
                types.SkipSeparator();
                output.Append(", ");
            }
            int start = output.Length;
            // Ids do not tell out from ref and in; the pattern bool TryX(..., out result) does.
            if (types.Write(output))
                output.Insert(start, name.StartsWith("Try", StringComparison.Ordinal) ? "out " : "ref ");
            if (i < parameters.Count) output.Append(' ').Append(parameters[i].Name);
        }
    }

    private static string LastTwo(string name)
    {
        int last = name.LastIndexOf('.');
        int previous = last > 0 ? name.LastIndexOf('.', last - 1) : -1;
        return name[(previous + 1)..];
    }
}
