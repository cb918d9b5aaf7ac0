using System.Buffers;
using System.Text;
using Microsoft.ML.Tokenizers;

namespace FedSpine.Engine.Text;

/// <summary>Splits at white space and makes every punctuation mark a word of its own, as Hugging Face's BertPreTokenizer.</summary>
internal sealed class BertPreTokenizer : PreTokenizer
{
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var words = new List<(int Offset, int Length)>();
        int start = 0, at = 0;
        void EndWord()
        {
            if (at > start)
                words.Add((start, at - start));
        }
        while (at < text.Length)
        {
            bool valid = Rune.DecodeFromUtf16(text[at..], out Rune rune, out int length) == OperationStatus.Done;
            bool punctuation = valid && IsPunctuation(rune);
            if (punctuation || (valid && BertNormalizer.IsWhiteSpace(rune)))
            {
                EndWord();
                if (punctuation)
                    words.Add((at, length));
                start = at + length;
            }
            at += length;
        }
        EndWord();
        return words;
    }

    private static bool IsPunctuation(Rune rune) => rune.IsAscii
        ? rune.Value is >= 33 and <= 47 or >= 58 and <= 64 or >= 91 and <= 96 or >= 123 and <= 126
        : Rune.IsPunctuation(rune);
}
