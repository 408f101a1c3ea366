using Mazij.Text.Corpora.Dotnet;

namespace Mazij.Tests.Text.Corpora.Dotnet;

public sealed class SignatureTests
{
    [Theory]
    [InlineData("T:System.String", "String")]
    [InlineData("T:System.Collections.Generic.IEnumerable`1", "IEnumerable<T>")]
    [InlineData("T:System.Collections.Generic.Dictionary`2", "Dictionary<TKey, TValue>")]
    [InlineData("T:System.Func`3", "Func<T1, T2, T3>")]
    [InlineData("F:System.String.Empty", "String.Empty")]
    [InlineData("P:System.Collections.Generic.List`1.Count", "List<T>.Count")]
    [InlineData("P:System.Collections.Generic.List`1.Item(System.Int32)", "List<T>.this[int]")]
    [InlineData("M:System.Text.StringBuilder.#ctor", "StringBuilder()")]
    [InlineData("M:System.Int32.TryParse(System.String,System.Int32@)", "Int32.TryParse(string, out int)")]
    [InlineData("M:System.Array.Resize``1(``0[]@,System.Int32)", "Array.Resize<T>(ref T[], int)")]
    [InlineData("M:System.Array.Copy(System.Int32[0:,0:],System.Byte*)", "Array.Copy(int[,], byte*)")]
    [InlineData("M:A.B.F(System.Nullable{System.Int32},System.ValueTuple{System.Int32,System.String[]})",
        "B.F(int?, (int, string[]))")]
    [InlineData(
        "M:A.B.F(System.Collections.Generic.Dictionary{`0,`1}.KeyCollection)", "B.F(Dictionary<T1, T2>.KeyCollection)")]
    [InlineData("M:System.Linq.Enumerable.Select``2(System.Collections.Generic.IEnumerable{``0},System.Func{``0,``1})",
        "Enumerable.Select<T1, T2>(IEnumerable<T1>, Func<T1, T2>)")]
    [InlineData("M:System.Decimal.op_Addition(System.Decimal,System.Decimal)", "Decimal.operator +(decimal, decimal)")]
    [InlineData("M:System.Half.op_Explicit(System.Half)~System.Byte", "explicit operator byte(Half)")]
    [InlineData("M:System.Array.System#Collections#IList#Add(System.Object)", "IList.Add(object)")]
    [InlineData("M:System.Int16.System#Numerics#IBitwiseOperators{System#Int16@System#Int16@System#Int16}#op_BitwiseOr(System.Int16,System.Int16)", "IBitwiseOperators<short, short, short>.operator |(short, short)")]
    [InlineData("Overload:System.IO.Stream.Read", "Stream.Read")]
    [InlineData("N:System.Data.SqlTypes", "System.Data.SqlTypes")]
    [InlineData("!:Unknown.Thing", "Thing")]
    [InlineData("System.UInt32", "UInt32")]
    public void A_reference_reads_like_CSharp(string id, string expected) =>
        Assert.Equal(expected, Signature.Reference(id));

    [Theory]
    [InlineData("M:A.B.F(System.Collections.Generic.List{System.Int32")]
    [InlineData("M:A.B.F(}}},,,)]]")]
    [InlineData("M:A.B.F(``)")]
    [InlineData("M:A.B.F(`99999999999)")]
    [InlineData("M:.(")]
    [InlineData("M:A~")]
    [InlineData("T:")]
    [InlineData("T:A`99999999")]
    [InlineData("")]
    public void A_malformed_id_is_shown_somehow(string id) => Assert.NotNull(Signature.Reference(id));

    [Fact]
    public void An_id_nested_without_end_is_cut_off()
    {
        string id = "M:A.B.F(" + string.Concat(Enumerable.Repeat("X{", 100_000));
        Assert.InRange(Signature.Reference(id).Length, 1, 1000);
    }
}
