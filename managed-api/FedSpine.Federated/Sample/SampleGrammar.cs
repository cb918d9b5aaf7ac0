using FedSpine.Engine;

namespace FedSpine.Federated.Sample;

/// <summary>
/// Writes one sentence with a wanted sentiment. The sentiment is fixed first and every choice of construction is made without
/// looking at it; only the adjectives follow from both. Where a sentence holds one adjective its construction turns the meaning
/// round in one case of seven, as in real reviews, where it holds two they disagree: so words alone are a weak hint.
/// </summary>
internal sealed class SampleGrammar(DeterministicRandom random)
{
    private const int MaxWords = 20;

    /// <summary>Percent of the one-adjective constructions that mean the opposite of their adjective.</summary>
    private const int Turned = 15;

    private SampleDomain _domain = SampleLexicon.Domains[0];

    /// <summary>One sentence of 5 to 20 words (punctuation is set apart by spaces and not counted), ending in " .".</summary>
    public string Sentence(SampleDomain domain, bool positive)
    {
        _domain = domain;
        while (true)
        {
            string sentence = Decorated(Statement(positive)) + " .";
            if (CountWords(sentence) is >= 5 and <= MaxWords)
                return sentence;
        }
    }

    /// <summary>Several judgements that agree: words of one sentiment side by side, which is how a reader learns them.</summary>
    public string Emphatic(SampleDomain domain, bool positive)
    {
        _domain = domain;
        SampleAspect aspect = NextAspect();
        string first = Adjective(aspect, positive), second = OtherAdjective(aspect, positive, first), third = OtherAdjective(aspect, positive, second);
        string noun = Pick(aspect.Nouns);
        return random.NextInt(3) switch
        {
            0 => $"the {noun} was {first} and {second} .",
            1 => $"the {noun} was {first} , {second} and {third} .",
            _ => $"{first} {noun} , {second} and {third} .",
        };
    }

    /// <summary>What stands above such a review: "thumbs up .".</summary>
    public string Headline(bool positive)
    {
        (string good, string bad) = SampleLexicon.Headlines[random.NextInt(SampleLexicon.Headlines.Length)];
        return (positive ? good : bad) + " .";
    }

    /// <summary>What follows from such an experience: "we will come back soon .".</summary>
    public string Verdict(bool positive)
    {
        (string good, string bad) = SampleLexicon.Verdicts[random.NextInt(SampleLexicon.Verdicts.Length)];
        return (positive ? good : bad) + " .";
    }

    internal static int CountWords(string sentence) => sentence.Split(' ').Count(word => char.IsLetter(word[0]));

    private string Statement(bool positive) => random.NextInt(100) switch
    {
        < 64 => Clause(NextAspect(), positive, turned: Chance(Turned)),
        < 80 => Contrast(positive),
        < 88 => Attribution(positive),
        < 94 => Change(positive),
        _ => Comparison(positive),
    };

    private string Decorated(string statement) => random.NextInt(10) switch
    {
        < 3 => $"{Pick(SampleLexicon.Openings)} , {statement}",
        < 4 => $"{statement} , {Pick(SampleLexicon.Closings)}",
        _ => statement,
    };

    /// <summary>One noun, one judgement; "turned" constructions mean the opposite of their adjective.</summary>
    private string Clause(SampleAspect aspect, bool positive, bool turned)
    {
        string noun = Pick(aspect.Nouns);
        string adjective = Adjective(aspect, positive ^ turned);
        if (turned)
        {
            return random.NextInt(11) switch
            {
                0 => $"the {noun} was not {adjective}",
                1 => $"the {noun} was not {adjective} at all",
                2 => $"the {noun} was never {adjective}",
                3 => $"the {noun} was hardly {adjective}",
                4 => $"the {noun} was far from {adjective}",
                5 => $"the {noun} was anything but {adjective}",
                6 => $"nobody could call the {noun} {adjective}",
                7 => $"i would not say that the {noun} was {adjective}",
                8 => $"there was nothing {adjective} about the {noun}",
                9 => $"the {noun} was neither {adjective} nor {OtherAdjective(aspect, !positive, adjective)}",
                _ => $"that was not {Article(adjective)} {noun}",
            };
        }
        return random.NextInt(11) switch
        {
            < 4 => $"the {noun} was {Intensified(adjective)}",
            < 6 => $"i found the {noun} {Intensified(adjective)}",
            6 => $"that was {Article(adjective)} {noun}",
            7 => $"the {noun} was not only {adjective} but also {OtherAdjective(aspect, positive, adjective)}",
            8 => $"nobody could deny that the {noun} was {adjective}",
            9 => $"there was something {adjective} about the {noun}",
            _ => $"the {noun} was nothing if not {adjective}",
        };
    }

    /// <summary>Two disagreeing clauses about different things: the main or the last one counts.</summary>
    private string Contrast(bool positive)
    {
        SampleAspect counts = NextAspect(), yields = OtherAspect(counts);
        if (Chance(20))
        {
            string plain = Clause(counts, positive, turned: false);
            string obstacle = $"the {Adjective(yields, !positive)} {Pick(yields.Nouns)}";
            return Chance(50) ? $"despite {obstacle} , {plain}" : $"{plain} , despite {obstacle}";
        }
        string main = Clause(counts, positive, turned: Chance(30));
        string concession = Clause(yields, !positive, turned: Chance(30));
        return random.NextInt(8) switch
        {
            < 3 => $"{concession} , but {main}",
            3 => $"although {concession} , {main}",
            4 => $"even though {concession} , {main}",
            5 => $"{main} , although {concession}",
            6 => $"{main} , even though {concession}",
            _ => $"{main} , though {concession}",
        };
    }

    /// <summary>An opinion of someone else, confirmed or contradicted.</summary>
    private string Attribution(bool positive)
    {
        bool contradicted = Chance(Turned);
        SampleAspect aspect = NextAspect();
        if (Chance(30))
        {
            string expected = $"i expected {Article(Adjective(aspect, positive ^ contradicted))} {Pick(aspect.Nouns)}";
            return contradicted ? $"{expected} , but i was wrong" : $"{expected} , and i was right";
        }
        SampleSpeaker speaker = SampleLexicon.Speakers[random.NextInt(SampleLexicon.Speakers.Length)];
        string opinion = $"{speaker.Name} said {Clause(aspect, positive ^ contradicted, turned: Chance(20))}";
        return random.NextInt(3) switch
        {
            0 => contradicted ? $"{opinion} , but {speaker.Pronoun} {speaker.Be} wrong" : $"{opinion} , and {speaker.Pronoun} {speaker.Be} right",
            1 => contradicted ? $"{opinion} , but i disagree" : $"{opinion} , and i agree",
            _ => contradicted ? $"{opinion} , which was false" : $"{opinion} , which was true",
        };
    }

    /// <summary>One thing that changed: its later state counts, wherever it stands in the sentence.</summary>
    private string Change(bool positive)
    {
        SampleAspect aspect = NextAspect();
        string noun = Pick(aspect.Nouns), late = Adjective(aspect, positive), early = Adjective(aspect, !positive);
        return random.NextInt(4) switch
        {
            0 => $"the {noun} was {early} at first and {late} in the end",
            1 => $"the {noun} was {late} in the end and {early} at first",
            2 => $"the {noun} used to be {early} , now it is {late}",
            _ => $"now the {noun} is {late} , it used to be {early}",
        };
    }

    /// <summary>This one against another one: this one counts.</summary>
    private string Comparison(bool positive)
    {
        SampleAspect aspect = NextAspect();
        string noun = Pick(aspect.Nouns);
        bool turned = Chance(Turned);
        if (Chance(50))
        {
            string comparative = positive ^ turned ? "better" : "worse";
            return turned ? $"the last {noun} was {comparative} than this one" : $"this {noun} was {comparative} than the last one";
        }
        string adjective = Adjective(aspect, positive ^ turned);
        while (adjective.Length < 6) // "more sad" is poor English
            adjective = Adjective(aspect, positive ^ turned);
        return turned ? $"this {noun} was less {adjective} than the last one" : $"this {noun} was more {adjective} than the last one";
    }

    private string Adjective(SampleAspect aspect, bool good) => Chance(80)
        ? Pick(good ? SampleLexicon.Good : SampleLexicon.Bad)
        : Pick(good ? aspect.Good : aspect.Bad);

    private string OtherAdjective(SampleAspect aspect, bool good, string than)
    {
        string adjective = Adjective(aspect, good);
        while (adjective == than)
            adjective = Adjective(aspect, good);
        return adjective;
    }

    private string Intensified(string adjective) => Chance(50) ? $"{Pick(SampleLexicon.Intensifiers)} {adjective}" : adjective;

    private static string Article(string adjective) => adjective[0] is 'a' or 'e' or 'i' or 'o' or 'u' ? $"an {adjective}" : $"a {adjective}";

    private SampleAspect NextAspect() => _domain.Aspects[random.NextInt(_domain.Aspects.Length)];

    private SampleAspect OtherAspect(SampleAspect than)
    {
        SampleAspect aspect = NextAspect();
        while (aspect == than)
            aspect = NextAspect();
        return aspect;
    }

    private string Pick(string[] words) => words[random.NextInt(words.Length)];

    private bool Chance(int percent) => random.NextInt(100) < percent;
}
