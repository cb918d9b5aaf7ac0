using System.Text.RegularExpressions;

namespace FedSpine.Engine.Text;

/// <summary>
/// Learns a byte-level BPE vocabulary from text (Sennrich et al., arXiv 1508.07909; words cut as GPT-2 does): count words, then
/// merge the most frequent pair of neighbouring tokens until the vocabulary is full. Only the words that hold the merged pair are
/// touched again. Equal counts are settled by the tokens' ids, so the same text gives the same vocabulary.
/// </summary>
public sealed class BytePairTrainer
{
    private readonly Dictionary<string, long> _wordCounts = [];

    /// <summary>Counts the words of one piece of text.</summary>
    public void Add(string text)
    {
        Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> counts = _wordCounts.GetAlternateLookup<ReadOnlySpan<char>>();
        foreach (ValueMatch word in BytePairOptions.Gpt2.Words.EnumerateMatches(text))
        {
            ReadOnlySpan<char> letters = text.AsSpan(word.Index, word.Length);
            counts[letters] = counts.TryGetValue(letters, out long count) ? count + 1 : 1;
        }
    }

    /// <param name="vocabularySize">Entries at most, with the 5 special tokens and the 256 bytes; fewer when the text has no more pairs.</param>
    /// <param name="minFrequency">A pair that occurs less often is not merged.</param>
    /// <exception cref="InputException">The size is below 261, or no text was added.</exception>
    public BytePairVocabulary Train(int vocabularySize, int minFrequency = 2)
    {
        int alphabet = BytePairVocabulary.SpecialTokens.Length + 256;
        if (vocabularySize < alphabet)
            throw new InputException($"a vocabulary of {vocabularySize} entries is too small: {BytePairVocabulary.SpecialTokens.Length} special tokens and 256 bytes need {alphabet}");
        if (_wordCounts.Count == 0)
            throw new InputException("no text to train a vocabulary on");

        var tokens = new List<string>(BytePairVocabulary.SpecialTokens);
        tokens.AddRange(Enumerable.Range(0, 256).Select(value => ByteAlphabet.LetterOf((byte)value).ToString()).Order(StringComparer.Ordinal));
        var idOfLetter = tokens.Skip(BytePairVocabulary.SpecialTokens.Length).Select((letter, i) => (letter[0], i + BytePairVocabulary.SpecialTokens.Length)).ToDictionary();
        var words = new PairedWords(_wordCounts
            .OrderBy(word => word.Key, StringComparer.Ordinal)
            .Select(word => (ByteLevelBpe.Letters(word.Key).Select(letter => idOfLetter[letter]).ToArray(), word.Value)));

        var known = new HashSet<string>(tokens);
        var merges = new List<string>();
        while (tokens.Count < vocabularySize && words.TryTakeMostFrequent(minFrequency, out (int Left, int Right) pair))
        {
            string merged = tokens[pair.Left] + tokens[pair.Right];
            if (!known.Add(merged)) // "a" "bc" after "ab" "c": the table can hold one of them
                continue;
            merges.Add($"{tokens[pair.Left]} {tokens[pair.Right]}");
            words.Merge(pair, tokens.Count);
            tokens.Add(merged);
        }
        return new BytePairVocabulary(tokens, merges);
    }
}
