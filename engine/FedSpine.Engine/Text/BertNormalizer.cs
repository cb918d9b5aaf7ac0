using System.Globalization;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace FedSpine.Engine.Text;

/// <summary>
/// BERT's text cleaning, step for step as Hugging Face's BertNormalizer: control characters go, white space becomes a blank, CJK
/// ideographs stand alone, accents are stripped, letters become lower case. (The package's own drops line breaks instead of
/// turning them into blanks, and needs ICU to strip accents.)
/// </summary>
internal sealed class BertNormalizer(bool lowerCase, bool stripAccents, bool cleanText, bool splitIdeographs) : Normalizer
{
    public override string Normalize(ReadOnlySpan<char> original) => Normalize(original.ToString());

    public override string Normalize(string original)
    {
        var text = new StringBuilder(original.Length);
        foreach (Rune rune in original.EnumerateRunes())
        {
            if (cleanText && IsWhiteSpace(rune))
                text.Append(' ');
            else if (cleanText && (rune.Value is 0 or 0xFFFD || IsOther(rune)))
                continue;
            else if (splitIdeographs && IsIdeograph(rune.Value))
                text.Append(' ').Append(rune.ToString()).Append(' ');
            else
                text.Append(rune.ToString());
        }
        if (stripAccents)
            text = WithoutAccents(text.ToString());
        return lowerCase ? text.ToString().ToLowerInvariant() : text.ToString();
    }

    internal static bool IsWhiteSpace(Rune rune) => rune.Value is '\t' or '\n' or '\r' || Rune.IsWhiteSpace(rune);

    private static StringBuilder WithoutAccents(string text)
    {
        var stripped = new StringBuilder(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) == UnicodeCategory.NonSpacingMark)
                continue;
            if (rune.IsBmp)
                AccentFolding.Append(stripped, (char)rune.Value);
            else
                stripped.Append(rune.ToString());
        }
        return stripped;
    }

    private static bool IsOther(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned;

    private static bool IsIdeograph(int point) => point is >= 0x4E00 and <= 0x9FFF or >= 0x3400 and <= 0x4DBF
        or >= 0x20000 and <= 0x2A6DF or >= 0x2A700 and <= 0x2B73F or >= 0x2B740 and <= 0x2B81F or >= 0x2B820 and <= 0x2CEAF
        or >= 0xF900 and <= 0xFAFF or >= 0x2F800 and <= 0x2FA1F;
}
