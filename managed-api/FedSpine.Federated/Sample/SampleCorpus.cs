using FedSpine.Engine;

namespace FedSpine.Federated.Sample;

/// <summary>One labelled sentence of the bundled sample.</summary>
public sealed record SampleSentence(string Text, string Label, string Domain);

/// <summary>
/// The bundled sample's text: short English judgements in eight domains, written by a grammar from a seed. Word order and domain
/// decide the label; a bag of words does not. Every label follows from its text: there is no noise. See README.md for examples.
/// </summary>
public static class SampleCorpus
{
    private const ulong LabelledStream = 1, UnlabelledStream = 2;

    /// <summary>Class names in id order.</summary>
    public static IReadOnlyList<string> Labels { get; } = ["negative", "positive"];

    public static IReadOnlyList<string> Domains { get; } = [.. SampleLexicon.Domains.Select(domain => domain.Name)];

    /// <summary>
    /// The first <paramref name="count"/> sentences of the seed's endless list, domains and labels in turn, so that every run of 16
    /// holds each domain with each label once. All texts differ: cut one list to get disjoint training and test sets.
    /// </summary>
    public static SampleSentence[] Labelled(ulong seed, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var grammar = new SampleGrammar(new DeterministicRandom(seed, LabelledStream));
        var seen = new HashSet<string>(count);
        var sentences = new SampleSentence[count];
        for (int i = 0; i < count; i++)
        {
            SampleDomain domain = SampleLexicon.Domains[i % SampleLexicon.Domains.Length];
            bool positive = i / SampleLexicon.Domains.Length % 2 == 1;
            string text = grammar.Sentence(domain, positive);
            while (!seen.Add(text))
                text = grammar.Sentence(domain, positive);
            sentences[i] = new SampleSentence(text, Labels[positive ? 1 : 0], domain.Name);
        }
        return sentences;
    }

    /// <summary>
    /// Endless short reviews without labels, for pretraining: one or two sentences that agree, many of them emphatic,
    /// most under a headline or followed by what the writer did about it. Filling a masked word takes the sentiment of the rest, as in real reviews.
    /// </summary>
    public static IEnumerable<string> Unlabelled(ulong seed)
    {
        var random = new DeterministicRandom(seed, UnlabelledStream);
        var grammar = new SampleGrammar(random);
        while (true)
        {
            SampleDomain domain = SampleLexicon.Domains[random.NextInt(SampleLexicon.Domains.Length)];
            bool positive = random.NextInt(2) == 1;
            string review = random.NextInt(10) < 6 ? grammar.Emphatic(domain, positive) : grammar.Sentence(domain, positive);
            if (random.NextInt(2) == 0)
                review += " " + grammar.Sentence(domain, positive);
            // One summary, not two: a masked word of it can then only be told from the sentences.
            review = random.NextInt(10) switch
            {
                < 6 => grammar.Headline(positive) + " " + review,
                < 9 => review + " " + grammar.Verdict(positive),
                _ => review,
            };
            yield return review;
        }
    }
}
