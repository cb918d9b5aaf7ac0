namespace FedSpine.Engine.Tests.Text;

internal static class TokenizerSamples
{
    public static readonly string[] Texts =
    [
        "Hello world", "a  b   c", " leading and trailing ", "line\nbreak\r\nand\ttab", "naïve café, Straße; Ελλάδα", "нещо на Български",
        "我想在apple工作1314151天～", "🚀 (normal) 😶‍🌫️ ✅", "don't we've I'll 3.14 !!! ...", "𝒳𝒴 math letters", "x",
    ];

    /// <summary>Text that must be survived, whatever the ids.</summary>
    public static readonly string[] Weird =
    [
        "", " ", "\0", "\u0001\u0002\u001f\u007f", "\ud800", "\udc00\ud800", "a\ud83dz", "\ufffd\ufffe\uffff", "\u200b\u200d\u2028\u2029", "<s></s><pad><mask>[CLS][SEP]",
        new string('a', 5000), new string(' ', 5000), new string('\n', 300), string.Concat(Enumerable.Repeat("é́", 200)), "\u0300\u0301", "▁▁ ▁", "Ġ Ċ",
    ];
}
