using System.Text.RegularExpressions;
using FedSpine.Federated.Sample;

namespace FedSpine.Federated.Tests.Sample;

/// <summary>Reads a sentence of the sample back and decides its sentiment by rules, from the text alone: shows that the text decides.</summary>
internal static partial class SampleOracle
{
    private static readonly Dictionary<string, SampleAspect> AspectOfNoun = SampleLexicon.Domains
        .SelectMany(domain => domain.Aspects)
        .SelectMany(aspect => aspect.Nouns.Select(noun => (noun, aspect)))
        .ToDictionary(pair => pair.noun, pair => pair.aspect);

    public static bool IsPositive(string text)
    {
        string sentence = text[..^" .".Length];
        foreach (string opening in SampleLexicon.Openings)
            sentence = sentence.StartsWith(opening + " , ", StringComparison.Ordinal) ? sentence[(opening.Length + 3)..] : sentence;
        foreach (string closing in SampleLexicon.Closings)
            sentence = sentence.EndsWith(" , " + closing, StringComparison.Ordinal) ? sentence[..^(closing.Length + 3)] : sentence;

        if (Contradicted().Match(sentence) is { Success: true } contradicted)
            return !IsPositiveClause(contradicted.Groups["opinion"].Value);
        if (Confirmed().Match(sentence) is { Success: true } confirmed)
            return IsPositiveClause(confirmed.Groups["opinion"].Value);
        if (LeadingConcession().Match(sentence) is { Success: true } leading)
            return IsPositiveClause(leading.Groups["main"].Value);
        if (TrailingConcession().Match(sentence) is { Success: true } trailing)
            return IsPositiveClause(trailing.Groups["main"].Value);
        if (But().Match(sentence) is { Success: true } but)
            return IsPositiveClause(but.Groups["main"].Value);
        if (Change().Match(sentence) is { Success: true } change)
            return IsGood(change.Groups["late"].Value, Noun(sentence));
        if (Comparison().Match(sentence) is { Success: true } comparison)
        {
            string judged = comparison.Groups["how"].Value;
            bool good = judged is "better" || (judged is not "worse" && IsGood(judged.Split(' ')[1], Noun(sentence)));
            return good ^ (comparison.Groups["which"].Value == "the last" || judged.StartsWith("less", StringComparison.Ordinal));
        }
        return IsPositiveClause(sentence);
    }

    private static bool IsPositiveClause(string clause)
    {
        string noun = Noun(clause);
        string adjective = clause.Split(' ').First(word => IsAdjective(word, noun) && word != noun);
        return IsGood(adjective, noun) ^ Turned().IsMatch(clause);
    }

    private static string Noun(string clause) => clause.Split(' ').Single(AspectOfNoun.ContainsKey);

    private static bool IsAdjective(string word, string noun) => SampleLexicon.Good.Concat(SampleLexicon.Bad)
        .Concat(AspectOfNoun[noun].Good).Concat(AspectOfNoun[noun].Bad).Contains(word);

    private static bool IsGood(string adjective, string noun)
    {
        bool good = SampleLexicon.Good.Concat(AspectOfNoun[noun].Good).Contains(adjective);
        bool bad = SampleLexicon.Bad.Concat(AspectOfNoun[noun].Bad).Contains(adjective);
        Assert.True(good ^ bad, $"{adjective} {noun}: good {good}, bad {bad}");
        return good;
    }

    [GeneratedRegex("^(i expected|[a-z ]+ said) (?<opinion>.+) , (but (i was|he was|she was|they were) wrong|but i disagree|which was false)$")]
    private static partial Regex Contradicted();

    [GeneratedRegex("^(i expected|[a-z ]+ said) (?<opinion>.+) , (and (i was|he was|she was|they were) right|and i agree|which was true)$")]
    private static partial Regex Confirmed();

    [GeneratedRegex("^(although|even though|despite) [^,]+ , (?<main>.+)$")]
    private static partial Regex LeadingConcession();

    [GeneratedRegex("^(?<main>.+) , (although|though|even though|despite) .+$")]
    private static partial Regex TrailingConcession();

    [GeneratedRegex("^.+ , but (?<main>.+)$")]
    private static partial Regex But();

    [GeneratedRegex("^(the [a-z]+ was [a-z]+ at first and (?<late>[a-z]+) in the end|the [a-z]+ was (?<late>[a-z]+) in the end and [a-z]+ at first|the [a-z]+ used to be [a-z]+ , now it is (?<late>[a-z]+)|now the [a-z]+ is (?<late>[a-z]+) , it used to be [a-z]+)$")]
    private static partial Regex Change();

    [GeneratedRegex("^(?<which>this|the last) [a-z]+ was (?<how>better|worse|more [a-z]+|less [a-z]+) than (this|the last) one$")]
    private static partial Regex Comparison();

    [GeneratedRegex("was not (?!only)|was never |was hardly |was far from |anything but |could call |would not say |nothing (?!if not)|neither ")]
    private static partial Regex Turned();
}
