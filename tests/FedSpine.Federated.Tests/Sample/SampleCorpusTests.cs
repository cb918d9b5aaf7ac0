using FedSpine.Federated.Sample;

namespace FedSpine.Federated.Tests.Sample;

public sealed class SampleCorpusTests
{
    private static readonly SampleSentence[] Sentences = SampleCorpus.Labelled(seed: 1, count: 16_000);

    [Fact]
    public void Same_seed_same_text_other_seed_other_text()
    {
        Assert.Equal(Sentences[..500], SampleCorpus.Labelled(1, 500));
        Assert.Equal(SampleCorpus.Unlabelled(1).Take(500), SampleCorpus.Unlabelled(1).Take(500));
        Assert.True(SampleCorpus.Labelled(2, 500).Intersect(Sentences[..500]).Count() < 50);
        Assert.True(SampleCorpus.Unlabelled(2).Take(500).Intersect(SampleCorpus.Unlabelled(1).Take(500)).Count() < 50);
        Assert.Empty(SampleCorpus.Labelled(1, 0));
    }

    [Fact]
    public void Every_label_follows_from_its_text()
    {
        foreach (SampleSentence sentence in Sentences)
            Assert.True(SampleOracle.IsPositive(sentence.Text) == (sentence.Label == "positive"), $"{sentence.Label}: {sentence.Text}");
    }

    [Fact]
    public void Texts_are_distinct_and_5_to_20_words_long()
    {
        Assert.Equal(Sentences.Length, Sentences.Select(sentence => sentence.Text).Distinct().Count());
        Assert.All(Sentences, sentence => Assert.InRange(SampleGrammar.CountWords(sentence.Text), 5, 20));
        Assert.All(Sentences, sentence => Assert.Matches("^[a-z]+( ([a-z]+|,))+ \\.$", sentence.Text));
    }

    [Fact]
    public void Domains_and_labels_come_in_turn()
    {
        Assert.Equal(8, SampleCorpus.Domains.Count);
        foreach (SampleSentence[] turn in Sentences.Chunk(16))
            Assert.Equal(16, turn.Select(sentence => (sentence.Domain, sentence.Label)).Distinct().Count());
    }

    [Fact]
    public void Vocabulary_is_small()
    {
        var words = SampleCorpus.Unlabelled(1).Take(20_000).SelectMany(text => text.Split(' ')).ToHashSet();
        Assert.InRange(words.Count, 400, 600);
        Assert.Subset(words, Sentences.SelectMany(sentence => sentence.Text.Split(' ')).ToHashSet());
    }

    [Fact]
    public void Every_adjective_occurs_under_both_labels()
    {
        var adjectives = SampleLexicon.Good.Concat(SampleLexicon.Bad)
            .Concat(SampleLexicon.Domains.SelectMany(domain => domain.Aspects).SelectMany(aspect => aspect.Good.Concat(aspect.Bad))).Distinct();
        var sentences = SampleCorpus.Labelled(seed: 3, count: 60_000).Select(sentence => (Words: sentence.Text.Split(' '), sentence.Label)).ToArray();
        foreach (string adjective in adjectives)
        {
            var with = sentences.Where(sentence => sentence.Words.Contains(adjective)).ToArray();
            double positive = with.Count(sentence => sentence.Label == "positive") / (double)with.Length;
            Assert.True(positive is > 0.1 and < 0.9, $"{adjective}: {positive:P1} of {with.Length} are positive");
        }
    }

    [Fact]
    public void Many_adjectives_change_sides_with_their_noun()
    {
        var aspects = SampleLexicon.Domains.SelectMany(domain => domain.Aspects).ToArray();
        int both = aspects.SelectMany(aspect => aspect.Good).Intersect(aspects.SelectMany(aspect => aspect.Bad)).Count();
        Assert.True(both >= 25, $"{both} adjectives");
        Assert.Equal(aspects.Sum(aspect => aspect.Nouns.Length), aspects.SelectMany(aspect => aspect.Nouns).Distinct().Count());
    }

    [Fact]
    public void Bag_of_words_does_not_solve_it()
    {
        double bayes = BagOfWords.NaiveBayesAccuracy(Sentences[..12_000], Sentences[12_000..]);
        double logistic = BagOfWords.LogisticRegressionAccuracy(Sentences[..12_000], Sentences[12_000..]);
        Assert.InRange(bayes, 0.6, 0.8);
        Assert.InRange(logistic, 0.6, 0.8);
    }

    [Fact]
    public void Reviews_agree_with_themselves()
    {
        var verdicts = SampleLexicon.Verdicts.Concat(SampleLexicon.Headlines).SelectMany(pair => new[] { (Text: pair.Good, Positive: true), (Text: pair.Bad, Positive: false) })
            .ToDictionary(verdict => verdict.Text + " .", verdict => verdict.Positive);
        int concluded = 0;
        foreach (string review in SampleCorpus.Unlabelled(5).Take(4000))
        {
            string[] sentences = [.. review.Split(" . ").Select(sentence => sentence.EndsWith(" .", StringComparison.Ordinal) ? sentence : sentence + " .")];
            var read = sentences.Select(sentence => verdicts.TryGetValue(sentence, out bool positive) ? positive : SampleOracle.IsPositive(sentence));
            Assert.True(read.Distinct().Count() == 1, review);
            concluded += sentences.Any(verdicts.ContainsKey) ? 1 : 0;
        }
        Assert.InRange(concluded, 3400, 3800);
    }
}
