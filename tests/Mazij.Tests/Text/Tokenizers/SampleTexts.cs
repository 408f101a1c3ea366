using System.Text;
using CsCheck;

namespace Mazij.Tests.Text.Tokenizers;

/// <summary>Texts that are hard on tokenizers.</summary>
internal static class SampleTexts
{
    public static readonly string[] All =
    [
        "",
        " ",
        "Represents a read-only collection of elements that can be accessed by index.",
        "/// <summary>Gets the value.</summary>\n\tpublic int Value => list[i++] ?? throw new Exception(\"it's\");\r\n\r\n}",
        "for (int i = 0; i < 1234567; i++)\n{\n        x += 0x1F_FF * 3.14159e-10;\n}\n\n\n",
        "I'm you're HE'LL we'Ve 'tis 'S 'd ''s can't've rock'n'roll don’t",
        "   leading, trailing   \n  and   inner \t\t tabs \n\n \r\n\r\n  x\n",
        "Grüße aus Köln, naïve café, Ångström, ﬁne ǅ ŒUVRE ßẞ",
        "Быстрая коричневая лиса. Γειά σου Κόσμε. שלום עולם. مرحبا بالعالم ١٢٣.",
        "नमस्ते दुनिया ४५६ สวัสดีชาวโลก 안녕하세요 세계 가각",
        "日本語のテスト。ひらがなカタカナー・漢字㍿ 中文混排English和123数字，龥龦゛゜",
        "👩‍👩‍👧‍👦 family 🇩🇪 flag 👍🏽 🤖🤖🤖 ☃️ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐀𐐨 𝟙𝟚𝟛𝟜 𠀀𠀁",
        "e\u0301 a\u0308\u0323 \u1100\u1161\u11a8 \u212b \u0958 o\u031b\u0323 \u0344 q\u0307\u0323",
        "1 12 123 1234 12345 ¼½ Ⅷ ²³ ①② ٣٤٥٦ 3.14 1,000,000",
        "\0\u0001\u001b[31mred\u001b[0m\u007f\u0080\u009f a\u0000b \v\f",
        "\u00a0\u2003\u3000nb\u00a0sp \u2028line\u2029para\u200bzero\u200djoin soft\u00adhyphen",
        "!!!??? ...,,, ((())) <<>>== a!b@c#d$e%f^g&h*i (x) [y] {z} \"q\" `r` ~~~ ___ --- +++ \\\\ ||| //path/to\n//x\r\n",
        "camelCase PascalCase XMLHttpRequest snake_case SCREAMING_CASE aB ABc İstanbul ʰmod",
        new string('a', 100) + new string(' ', 70) + new string('=', 90) + new string('\n', 60),
        "https://learn.microsoft.com/dotnet/api/system.collections.generic.list-1?view=net-10.0#remarks",
    ];

    /// <summary>Prose and code to train small tokenizers on.</summary>
    public static readonly byte[][] Corpus = BuildCorpus();

    private static readonly string[] Pieces =
    [
        " ", " ", " ", "  ", "\n", "\r", "\r\n", "\t", "\u00a0", "\u3000", "\u0085", "\u2028", "'", "'s", "'LL",
        "'Re", "'d", "a", "b",
        "the", "Th", "B", "AB", "1", "23", "4567", "²", "Ⅷ", "٣", "é", "e\u0301", "\u0301", "\u0903", "ǅ", "ʰ", "א",
        "日", "本", "ー",
        "・", "゛", "\u3099", "か", "\u3097", "龥", "龦", "한", "!", "?!", "/", "_", "$", "+", "^", "—", "☃", "👩", "\u200d",
        "\ufeff",
        "\u00ad", "\0", "\u001b", "\u0378", "\ue000", "𝐀", "𐐀", "𐐨", "𝟙", "𠀀", "\U000e0100", "\U0001d165", "ſ",
    ];

    /// <summary>Valid text, rich in what the patterns distinguish.</summary>
    public static readonly Gen<string> Text = Gen.OneOf(
        Gen.Int[0, Pieces.Length - 1].Select(i => Pieces[i]),
        Gen.Int[0, Pieces.Length - 1].Select(i => Pieces[i]),
        Gen.Int[0, 0x10FFFF].Where(Rune.IsValid).Select(value => new Rune(value).ToString()))
        .Array[0, 40].Select(string.Concat);

    /// <summary>Bytes: text, damaged text, and noise.</summary>
    public static readonly Gen<byte[]> Bytes = Gen.OneOf(
        Text.Select(Encoding.UTF8.GetBytes),
        Gen.Select(Text.Select(Encoding.UTF8.GetBytes), Gen.Select(Gen.Int[0, 200], Gen.Byte).Array[0, 5], Damage),
        Gen.Byte.Array[0, 80]);

    private static byte[] Damage(byte[] text, (int, byte)[] changes)
    {
        byte[] damaged = [.. text];
        foreach ((int at, byte value) in changes)
        {
            if (at < damaged.Length)
                damaged[at] = value;
        }
        return damaged;
    }

    private static byte[][] BuildCorpus()
    {
        Random random = new(1);
        string[] words = string.Join(' ', All).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return Enumerable.Range(0, 60).Select(_ => Encoding.UTF8.GetBytes(string.Join(' ',
            Enumerable.Range(0, 120).Select(_ =>
                words[(int)(words.Length * random.NextDouble() * random.NextDouble())])))).ToArray();
    }
}
