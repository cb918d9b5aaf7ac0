using CsCheck;
using FedSpine.Engine.Generation;

namespace FedSpine.Engine.Tests.Generation;

public sealed class TokenSamplerTests
{
    private static readonly GenerationOptions Plain = new() { Temperature = 1, TopK = 0, TopP = 1, MinP = 0 };

    /// <summary>The definition, step by step: probability per token.</summary>
    private static double[] Distribution(float[] logits, GenerationOptions o, params int[] seen)
    {
        double[] x = [.. logits.Select((l, i) => !seen.Contains(i) ? l : l > 0 ? l / o.RepetitionPenalty : l * o.RepetitionPenalty)];
        double max = x.Max();
        double[] p = [.. x.Select(l => Math.Exp((l - max) / o.Temperature))];
        int[] order = [.. Enumerable.Range(0, p.Length).OrderByDescending(i => (float)x[i]).ThenBy(i => i)];
        IEnumerable<int> kept = o.TopK > 0 ? order.Take(o.TopK) : order;
        double total = kept.Sum(i => p[i]), before = 0;
        var nucleus = new List<int>();
        foreach (int i in kept)
        {
            if (o.TopP < 1 && before >= o.TopP * total)
                break;
            nucleus.Add(i);
            before += p[i];
        }

        var last = nucleus.Where(i => p[i] >= o.MinP * p[order[0]]).ToHashSet();
        double sum = last.Sum(i => p[i]);
        return [.. p.Select((w, i) => last.Contains(i) ? w / sum : 0)];
    }

    private static float[] Logits(int count, ulong seed, double spread = 2)
    {
        var random = new DeterministicRandom(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(spread * random.NextGaussian()))];
    }

    public static TheoryData<GenerationOptions> Options =>
    [
        Plain, Plain with { Temperature = 0.5 }, Plain with { TopK = 5 }, Plain with { TopK = 1000 }, Plain with { TopP = 0.7 }, Plain with { MinP = 0.2 },
        Plain with { TopK = 20, TopP = 0.6 }, Plain with { TopP = 0.9, MinP = 0.1, Temperature = 1.7 }, Plain with { TopK = 9, MinP = 0.3 }, new GenerationOptions(),
    ];

    [Theory, MemberData(nameof(Options))]
    public void Draws_follow_the_distribution(GenerationOptions options)
    {
        const int Draws = 40_000;
        var logits = Logits(50, 7);
        var expected = Distribution(logits, options);
        var sampler = new TokenSampler(options, logits.Length);
        var counts = new int[logits.Length];
        for (int i = 0; i < Draws; i++)
            counts[sampler.Next(logits)]++;
        for (int i = 0; i < logits.Length; i++)
        {
            if (expected[i] == 0)
                Assert.Equal(0, counts[i]);
            else // five standard deviations
                Assert.InRange(counts[i] - expected[i] * Draws, -5 * Math.Sqrt(expected[i] * Draws) - 1, 5 * Math.Sqrt(expected[i] * Draws) + 1);
        }
    }

    [Fact]
    public void Only_tokens_of_the_definition_are_drawn() =>
        Gen.Select(Gen.ULong, Gen.Int[1, 300], Gen.Double[0.01, 30], Gen.Double[0.02, 3], Gen.Int[0, 30], Gen.Double[0.01, 1], Gen.Double[0, 0.5])
            .Sample((seed, V, spread, temperature, k, p, m) =>
            {
                var options = new GenerationOptions { Temperature = temperature, TopK = k, TopP = p, MinP = m, Seed = seed };
                var logits = Logits(V, seed, spread);
                var expected = Distribution(logits, options);
                var sampler = new TokenSampler(options, V);
                for (int i = 0; i < 20; i++)
                    Assert.NotEqual(0, expected[sampler.Next(logits)]);
            }, iter: 300);

    [Fact]
    public void A_nucleus_of_one_is_greedy_and_ties_go_to_the_lowest_id()
    {
        float[] logits = [1, 3, 3, -1];
        Assert.Equal(1, new TokenSampler(new GenerationOptions { Temperature = 0 }, 4).Next(logits));
        Assert.Equal(1, new TokenSampler(Plain with { TopK = 1 }, 4).Next(logits));
        Assert.Equal(1, new TokenSampler(Plain with { TopP = 1e-9 }, 4).Next(logits));
        Assert.Equal(1, new TokenSampler(new GenerationOptions { Temperature = 1e-300, TopK = 1 }, 4).Next(logits));
    }

    [Fact]
    public void A_penalty_weighs_on_tokens_of_the_prompt_and_on_those_drawn()
    {
        float[] logits = [2, 1.5f, -1, -1.2f];
        var greedy = new TokenSampler(new GenerationOptions { Temperature = 0, RepetitionPenalty = 1.5 }, 4);
        Assert.Equal(0, greedy.Next(logits));  // 2; now 1.33
        Assert.Equal(1, greedy.Next(logits));  // 1.5; now 1
        Assert.Equal(0, greedy.Next(logits));
        var noted = new TokenSampler(new GenerationOptions { Temperature = 0, RepetitionPenalty = 1.5 }, 4);
        noted.Note(0);
        Assert.Equal(1, noted.Next(logits));
        float[] negative = [-1, -1.2f];
        var below = new TokenSampler(new GenerationOptions { Temperature = 0, RepetitionPenalty = 1.5 }, 2);
        below.Note(0);
        Assert.Equal(1, below.Next(negative)); // -1.5 against -1.2

        var options = Plain with { RepetitionPenalty = 1.5 };
        var expected = Distribution(logits, options, 0, 3);
        var counts = new int[4];
        for (ulong seed = 0; seed < 20_000; seed++)
        {
            var sampler = new TokenSampler(options with { Seed = seed }, 4);
            sampler.Note(0);
            sampler.Note(3);
            counts[sampler.Next(logits)]++;
        }

        for (int i = 0; i < 4; i++)
            Assert.InRange(counts[i] / 20_000.0, expected[i] - 0.02, expected[i] + 0.02);
    }

    [Fact]
    public void The_same_seed_draws_the_same()
    {
        var logits = Logits(100, 3);
        int[] Draw(ulong seed)
        {
            var sampler = new TokenSampler(new GenerationOptions { Seed = seed, Temperature = 2 }, 100);
            return [.. Enumerable.Range(0, 30).Select(_ => sampler.Next(logits))];
        }

        Assert.Equal(Draw(4), Draw(4));
        Assert.NotEqual(Draw(4), Draw(5));
    }

    [Theory, MemberData(nameof(Options))]
    public void Drawing_allocates_nothing(GenerationOptions options)
    {
        var logits = Logits(3000, 3);
        var sampler = new TokenSampler(options with { RepetitionPenalty = 1.1 }, logits.Length);
        sampler.Next(logits);
        Assert.Equal(0, ManagedBytes.Least(() =>
        {
            for (int i = 0; i < 5; i++)
                sampler.Next(logits);
        }));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_not_finite_are_an_error(float value) =>
        Assert.Contains("token 1", Assert.Throws<FedSpineException>(() => new TokenSampler(Plain, 2).Next([0, value])).Message);

    [Fact]
    public void A_token_may_be_impossible() => Assert.Equal(1, new TokenSampler(Plain, 2).Next([float.NegativeInfinity, 0]));

    [Fact]
    public void Options_out_of_range_name_themselves()
    {
        void Refused(GenerationOptions options, string expected) => Assert.StartsWith(expected, Assert.Throws<InputException>(() => new TokenSampler(options, 2)).Message);
        Refused(Plain with { MaxTokens = 0 }, "--max-tokens 0: ");
        Refused(Plain with { Temperature = -0.5 }, "--temperature -0.5: expected at least 0");
        Refused(Plain with { TopK = -1 }, "--top-k -1: ");
        Refused(Plain with { TopP = 0 }, "--top-p 0: ");
        Refused(Plain with { MinP = 1.5 }, "--min-p 1.5: ");
        Refused(Plain with { RepetitionPenalty = 0 }, "--repetition-penalty 0: ");
        Refused(Plain with { Stop = [""] }, "--stop '': ");
    }
}
