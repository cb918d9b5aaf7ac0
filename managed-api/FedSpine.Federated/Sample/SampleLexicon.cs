namespace FedSpine.Federated.Sample;

/// <summary>Things that are judged by the same standards: "cold" is good for every noun of one aspect and bad for every noun of another.</summary>
internal sealed record SampleAspect(string[] Nouns, string[] Good, string[] Bad);

internal sealed record SampleDomain(string Name, SampleAspect[] Aspects);

/// <summary>Someone whose opinion is reported: "my sister said ...; she was wrong".</summary>
internal sealed record SampleSpeaker(string Name, string Pronoun, string Be);

/// <summary>
/// The words of the bundled sample. About a third of the adjectives change sides with what they describe (cold, loud,
/// unpredictable, dry, thin ...); a noun belongs to one aspect of one domain, so noun and adjective together decide.
/// </summary>
internal static class SampleLexicon
{
    public static readonly string[] Good = Words(
        "good great wonderful excellent brilliant lovely superb pleasant perfect impressive delightful splendid fantastic enjoyable");

    public static readonly string[] Bad = Words(
        "bad awful terrible horrible poor dreadful nasty mediocre miserable disappointing annoying lousy pathetic unpleasant");

    public static readonly SampleDomain[] Domains =
    [
        new("restaurants",
        [
            Aspect("beer lemonade cider cocktail", "cold fresh strong refreshing", "warm flat weak watery"),
            Aspect("soup stew curry pie omelette", "hot warm thick tasty delicious", "cold thin burnt greasy salty"),
            Aspect("portion salad dessert starter sandwich", "big fresh tasty delicious", "small stale burnt soggy"),
            Aspect("queue wait bill", "short small reasonable", "long big absurd"),
        ]),
        new("films",
        [
            Aspect("plot ending script twist sequel", "unpredictable clever gripping dark", "predictable thin boring tedious"),
            Aspect("comedy joke dialogue cartoon", "funny witty dry wild hilarious", "sad slow tedious clumsy"),
            Aspect("thriller villain chase mystery", "scary dark wild gripping tense", "funny weak slow boring"),
            Aspect("cast actor actress hero director", "strong charming moving convincing", "weak wooden clumsy stiff"),
        ]),
        new("hotels",
        [
            Aspect("room bathroom lobby balcony suite", "quiet big clean cosy", "loud small dark dirty shabby"),
            Aspect("bed pillow mattress blanket", "soft thick clean cosy comfortable", "hard thin damp dirty"),
            Aspect("shower pool sauna bath", "hot warm clean relaxing", "cold cool dirty rusty"),
            Aspect("lift corridor staircase garage", "quiet safe bright", "scary dark damp"),
        ]),
        new("phones",
        [
            Aspect("speaker ringtone alarm microphone", "loud clear sharp", "quiet weak fuzzy"),
            Aspect("camera screen display keyboard", "sharp big bright clear", "small dark fuzzy"),
            Aspect("processor signal battery browser", "fast strong reliable responsive", "slow hot weak buggy"),
            Aspect("case handset charger tablet", "thin light small sturdy", "thick heavy big fragile"),
        ]),
        new("books",
        [
            Aspect("novel story tale memoir", "unpredictable absorbing clever original", "predictable shallow confusing boring"),
            Aspect("chapter preface essay poem", "short clear elegant", "long dry tedious confusing"),
            Aspect("narrator heroine author poet", "funny wise witty warm", "shallow cold vain arrogant"),
            Aspect("paper binding cover", "thick sturdy elegant", "thin fragile fuzzy"),
        ]),
        new("trains",
        [
            Aspect("timetable connection line service", "predictable reliable fast", "unpredictable slow confusing"),
            Aspect("carriage compartment station platform", "quiet empty cool clean", "loud full hot dirty"),
            Aspect("seat bench armrest", "soft big clean comfortable", "hard small sticky"),
            Aspect("delay detour stop transfer", "short small reasonable", "long big absurd"),
            Aspect("ride journey trip", "smooth fast punctual scenic", "bumpy slow late"),
        ]),
        new("music",
        [
            Aspect("concert band festival drummer", "loud wild energetic tight", "quiet sloppy boring"),
            Aspect("hall arena club theatre", "full hot loud", "empty cold quiet"),
            Aspect("ballad lullaby waltz hymn", "slow sad soft quiet", "fast loud tuneless"),
            Aspect("guitar riff bass solo chorus", "heavy hard wild fast", "soft light sloppy tuneless"),
            Aspect("album setlist encore", "long catchy unpredictable melodic", "short predictable tedious"),
        ]),
        new("weather",
        [
            Aspect("rain drizzle fog snow hail", "light short soft", "heavy long thick"),
            Aspect("breeze wind gale storm", "cool light weak", "strong wild sharp cold freezing"),
            Aspect("sky sunset morning evening sunrise", "bright clear warm golden", "dark grey gloomy"),
            Aspect("forecast climate season", "predictable reliable mild", "unpredictable confusing gloomy"),
            Aspect("summer spring autumn", "long dry mild warm sunny", "short damp gloomy grey rainy"),
        ]),
    ];

    public static readonly string[] Intensifiers = Words("very really so quite truly rather");

    public static readonly SampleSpeaker[] Speakers =
    [
        new("my sister", "she", "was"), new("my brother", "he", "was"), new("my mother", "she", "was"), new("my uncle", "he", "was"),
        new("my friends", "they", "were"), new("the critics", "they", "were"), new("most people", "they", "were"),
        new("our neighbour", "she", "was"), new("the guide", "he", "was"), new("the reviews", "they", "were"),
        new("my boss", "he", "was"), new("our teacher", "she", "was"), new("the experts", "they", "were"), new("the locals", "they", "were"),
    ];

    /// <summary>Openings that say nothing about the label.</summary>
    public static readonly string[] Openings =
    [
        "to be honest", "last week", "on sunday", "in my view", "this time", "yesterday", "as a guest", "for once", "in short", "overall",
        "on holiday", "after work", "with my family", "as usual", "at midnight", "on my birthday",
    ];

    /// <summary>Closings that say nothing about the label.</summary>
    public static readonly string[] Closings =
    [
        "when we arrived", "from start to finish", "as we told them", "for the price", "this month", "in may", "like last year", "again",
        "without question", "if you ask me", "so far", "believe me",
    ];

    /// <summary>Two words of which the first says nothing, above an unlabelled review.</summary>
    public static readonly (string Good, string Bad)[] Headlines =
    [
        ("thumbs up", "thumbs down"),
        ("verdict positive", "verdict negative"),
        ("all well", "all wrong"),
    ];

    /// <summary>Sentences that follow from a good or a bad experience; only unlabelled reviews end with one.</summary>
    public static readonly (string Good, string Bad)[] Verdicts =
    [
        ("we will come back soon", "we will stay away now"),
        ("i would recommend it to everyone", "i would hide it from everyone"),
        ("everyone was happy", "everyone was angry"),
        ("it made my day", "it ruined my day"),
        ("it was worth the money", "it was a waste of money"),
        ("we gave it five stars", "we gave it one star"),
        ("i loved it", "i hated it"),
        ("we thanked them", "we complained to them"),
        ("i smiled all day", "i sighed all day"),
        ("we were glad", "we were upset"),
    ];

    private static SampleAspect Aspect(string nouns, string good, string bad) => new(Words(nouns), Words(good), Words(bad));

    private static string[] Words(string list) => list.Split(' ');
}
