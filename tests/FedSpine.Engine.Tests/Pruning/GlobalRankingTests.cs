using CsCheck;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;

namespace FedSpine.Engine.Tests.Pruning;

public class GlobalRankingTests
{
    [Fact]
    public void RatioIsWithinHalfOfTheSmallestBlockWheneverSomeCombinationIs() => Sample((random, spec) =>
    {
        double ratio = random.NextDouble(0, PruningRatio.Max(spec));
        var keep = Select(spec, KeepAll(spec), RandomModels.Scores(random, spec.Layers), ratio);

        double budget = ratio * PruningRatio.Count(spec, spec.Layers);
        double error = Math.Abs(PruningRatio.Count(spec, spec.Layers) - PruningRatio.Count(spec, Shapes(spec, keep)) - budget);
        var (possible, smallest) = PossibleRemovals(spec);
        double nearest = possible.Min(removed => Math.Abs(removed - budget));
        Assert.True(error <= Math.Max(smallest / 2.0, nearest), $"off by {error}, smallest block {smallest}, nearest combination {nearest}");
    });

    /// <summary>With at most two blocks a chain, all combinations are within reach of the last step: the cheapest admissible one is taken.</summary>
    [Fact]
    public void AmongCombinationsThatMeetTheRatioTheLeastScoreGoes() => Gen.ULong.Sample(seed =>
    {
        var random = new DeterministicRandom(seed);
        var spec = RandomModels.Spec(random, 4, random.NextInt(2) == 0) with
        {
            Layers = [.. Enumerable.Range(0, 4).Select(_ => new LayerSpec(3, 3, 2 * (1 + random.NextInt(3)), 8 * (1 + random.NextInt(3))))],
        };
        var scores = RandomModels.Scores(random, spec.Layers);
        double ratio = random.NextDouble(0, PruningRatio.Max(spec)), budget = ratio * PruningRatio.Count(spec, spec.Layers);

        // (parameters, score) of every combination of lowest-scored groups and channels in layers 1 and 2; 0 and 3 are protected.
        List<(long Size, double Score)> combinations = [(0, 0)];
        long smallest = long.MaxValue;
        for (int l = 1; l < 3; l++)
        {
            foreach (var (values, block, size) in new[] {
                (scores[l].Groups, 1, PruningRatio.GroupSize(spec, spec.Layers[l])), (scores[l].Channels, 8, (long)PruningRatio.ChannelSize(spec)) })
            {
                if (values.Length > block)
                    smallest = Math.Min(smallest, block * size);
                combinations = [.. combinations.SelectMany(c => Enumerable.Range(0, values.Length / block).Select(n =>
                    (c.Size + n * block * size, c.Score + values.Order().Take(n * block).Sum(x => (double)x))))];
            }
        }

        var admissible = combinations.Where(c => Math.Abs(c.Size - budget) <= smallest / 2.0).ToList();
        if (admissible.Count == 0)
            return;
        var keep = Select(spec, KeepAll(spec), scores, ratio);
        double removed = 0;
        for (int l = 0; l < 4; l++)
        {
            removed += scores[l].Groups.Where((_, i) => !keep[l].KeyValueHeads.Contains(i)).Sum(x => (double)x);
            removed += scores[l].Channels.Where((_, i) => !keep[l].Channels.Contains(i)).Sum(x => (double)x);
        }

        Assert.Equal(admissible.Min(c => c.Score), removed, 1e-4);
    }, iter: 200);

    /// <summary>Shapes as users have them: every target is met within half of one block of channels.</summary>
    [Theory]
    [InlineData(12, 12, 12, 64, 3072, 768, false)] // RoBERTa-base
    [InlineData(22, 32, 4, 64, 5632, 2048, true)]  // TinyLlama
    [InlineData(6, 4, 4, 16, 256, 64, false)]
    [InlineData(5, 8, 4, 8, 172, 64, true)]        // stories260K: the width is no multiple of 8
    public void EveryTargetIsMetOnRealShapes(int layers, int queryHeads, int groups, int headSize, int ffn, int width, bool decoder)
    {
        var spec = Uniform(layers, new LayerSpec(queryHeads, groups, headSize, ffn), width, decoder);
        var random = new DeterministicRandom(1);
        var scores = RandomModels.Scores(random, spec.Layers);
        long total = PruningRatio.Count(spec, spec.Layers), block = (ffn < 256 ? 8L : 32) * PruningRatio.ChannelSize(spec);
        for (double ratio = 0; ratio <= PruningRatio.Max(spec); ratio += 0.037)
        {
            double reached = PruningRatio.Of(spec with { Layers = Shapes(spec, Select(spec, KeepAll(spec), scores, ratio)) }, spec.Layers);
            Assert.InRange(reached, ratio - block / 2.0 / total - 1e-12, ratio + block / 2.0 / total + 1e-12);
        }
    }

    [Fact]
    public void ProtectedLayersMinimaAndMultiplesHoldAtEveryRatio() => Sample((random, spec) =>
    {
        var keep = Select(spec, KeepAll(spec), RandomModels.Scores(random, spec.Layers), random.NextDouble(0, PruningRatio.Max(spec)));
        int count = spec.Layers.Count;
        for (int l = 0; l < count; l++)
        {
            var (layer, left) = (spec.Layers[l], KeptPositions.Shape(spec.Layers[l], keep[l], l));
            if (l < Math.Ceiling(count * 0.1) || l == count - 1)
                Assert.Equal(layer, left);
            Assert.Equal(layer.QueryHeads * left.KeyValueHeads, left.QueryHeads * layer.KeyValueHeads);
            int multiple = layer.FfnWidth < 256 ? 8 : 32;
            Assert.True(left.FfnWidth == layer.FfnWidth || left.FfnWidth % multiple == 0, $"{layer.FfnWidth} channels became {left.FfnWidth}");
        }
    });

    [Fact]
    public void WithinALayerTheLowestScoresGo() => Sample((random, spec) =>
    {
        var scores = RandomModels.Scores(random, spec.Layers);
        var keep = Select(spec, KeepAll(spec), scores, random.NextDouble(0, PruningRatio.Max(spec)));
        for (int l = 0; l < spec.Layers.Count; l++)
        {
            AssertLowestGone(scores[l].Groups, keep[l].KeyValueHeads);
            AssertLowestGone(scores[l].Channels, keep[l].Channels);
        }
    });

    [Fact]
    public void PruningInStepsOnlyEverRemovesAndMeetsEveryRatio() => Sample((random, spec) =>
    {
        var (now, kept) = (spec, KeepAll(spec));
        double ratio = 0, max = PruningRatio.Max(spec);
        for (int step = 0; step < 4; step++)
        {
            ratio = random.NextDouble(ratio, max);
            var keep = GlobalRanking.Select(now, spec.Layers, kept, RandomModels.Scores(random, now.Layers), ratio);
            for (int l = 0; l < keep.Count; l++)
            {
                Assert.Subset(kept[l].QueryHeads.ToHashSet(), keep[l].QueryHeads.ToHashSet());
                Assert.Subset(kept[l].KeyValueHeads.ToHashSet(), keep[l].KeyValueHeads.ToHashSet());
                Assert.Subset(kept[l].Channels.ToHashSet(), keep[l].Channels.ToHashSet());
            }

            (now, kept) = (spec with { Layers = Shapes(spec, keep) }, keep);
            double reached = PruningRatio.Of(now, spec.Layers);
            Assert.Same(kept, GlobalRanking.Select(now, spec.Layers, kept, RandomModels.Scores(random, now.Layers), Math.Max(0, reached - 1e-9)));
        }
    });

    [Fact]
    public void EqualScoresFallInOrderOfIndex()
    {
        var spec = Uniform(4, new LayerSpec(4, 4, 4, 64), 16, decoder: false);
        LayerScores[] scores = [.. spec.Layers.Select(l => new LayerScores(Enumerable.Repeat(1f, 4).ToArray(), Enumerable.Repeat(1f / 8, 64).ToArray()))];
        var keep = Select(spec, KeepAll(spec), scores, 0.2);
        Assert.All(keep, k => Assert.Equal(Enumerable.Range(4 - k.QueryHeads.Length, k.QueryHeads.Length), k.QueryHeads));
        Assert.All(keep, k => Assert.Equal(Enumerable.Range(64 - k.Channels.Length, k.Channels.Length), k.Channels));
        Assert.Equal(Flat(keep), Flat(Select(spec, KeepAll(spec), scores, 0.2)));
    }

    [Fact]
    public void ScalingTheScoresOrPermutingALayerChangesNothing() => Sample((random, spec) =>
    {
        var scores = RandomModels.Scores(random, spec.Layers);
        double ratio = random.NextDouble(0, PruningRatio.Max(spec));
        var keep = Select(spec, KeepAll(spec), scores, ratio);

        LayerScores[] scaled = [.. scores.Select(s => new LayerScores([.. s.Groups.Select(x => x * 8)], [.. s.Channels.Select(x => x * 8)]))];
        Assert.Equal(Flat(keep), Flat(Select(spec, KeepAll(spec), scaled, ratio)));

        int l = random.NextInt(spec.Layers.Count);
        int[] order = [.. Enumerable.Range(0, spec.Layers[l].FfnWidth)];
        random.Shuffle<int>(order);
        var permuted = scores.ToArray();
        permuted[l] = scores[l] with { Channels = [.. order.Select(i => scores[l].Channels[i])] };
        var other = Select(spec, KeepAll(spec), permuted, ratio);
        Assert.Equal(keep[l].Channels, other[l].Channels.Select(i => order[i]).Order());
    });

    [Fact]
    public void ALayerThatMattersLessLosesMore()
    {
        var spec = Uniform(6, new LayerSpec(4, 4, 4, 64), 16, decoder: true);
        var scores = RandomModels.Scores(new DeterministicRandom(2), spec.Layers);
        scores[3] = new LayerScores([.. scores[3].Groups.Select(x => x * 1e-3f)], [.. scores[3].Channels.Select(x => x * 1e-3f)]);
        var keep = Select(spec, KeepAll(spec), scores, 0.2);
        Assert.Single(keep[3].KeyValueHeads);
        Assert.Equal(8, keep[3].Channels.Length);
        Assert.True(keep[2].Channels.Length > 8);
    }

    [Fact]
    public void ARatioOutOfReachSaysWhatTheLargestIs()
    {
        var spec = Uniform(4, new LayerSpec(4, 4, 4, 64), 16, decoder: false);
        var scores = LayerScores.Zero(spec.Layers);
        // Two of four layers go down to 1 of 4 heads and 8 of 64 channels: (3/4 * 1024 + 7/8 * 2048) / 3072 / 2.
        Assert.Equal(0.41667, PruningRatio.Max(spec), 5);
        var least = Select(spec, KeepAll(spec), scores, PruningRatio.Max(spec));
        Assert.Equal(PruningRatio.Max(spec), PruningRatio.Of(spec with { Layers = Shapes(spec, least) }, spec.Layers), 12);
        Assert.Equal(least, GlobalRanking.Select(spec with { Layers = Shapes(spec, least) }, spec.Layers, least, LayerScores.Zero(Shapes(spec, least)), PruningRatio.Max(spec)));
        var error = Assert.Throws<InputException>(() => Select(spec, KeepAll(spec), scores, 0.5));
        Assert.Contains("0.4167", error.Message);
        Assert.Contains("0.5", error.Message);
        Assert.Throws<InputException>(() => Select(spec, KeepAll(spec), scores, -0.1));
        Assert.Throws<InputException>(() => Select(spec, KeepAll(spec), scores, double.NaN));
        Assert.Equal(0, PruningRatio.Max(Uniform(2, spec.Layers[0], 16, decoder: false)));
    }

    [Fact]
    public void ScoresThatAreNotFiniteOrNotOfTheShapeAreRefused()
    {
        var spec = Uniform(4, new LayerSpec(4, 4, 4, 64), 16, decoder: false);
        var scores = LayerScores.Zero(spec.Layers);
        scores[1].Channels[5] = float.NaN;
        Assert.Contains("layer 1", Assert.Throws<FedSpineException>(() => Select(spec, KeepAll(spec), scores, 0.1)).Message);
        scores[1] = new LayerScores(new float[4], new float[63]);
        Assert.Contains("63", Assert.Throws<ArgumentException>(() => Select(spec, KeepAll(spec), scores, 0.1)).Message);
    }

    [Fact]
    public void StepIsTheSmallestBlock()
    {
        var spec = Uniform(12, new LayerSpec(12, 12, 64, 3072), 768, decoder: false);
        Assert.Equal(32 * 2 * 768 / (12.0 * (4 * 768 * 768 + 2 * 768 * 3072)), PruningRatio.Step(spec), 15);
    }

    private static void Sample(Action<DeterministicRandom, ModelSpec> check) => Gen.ULong.Sample(seed =>
    {
        var random = new DeterministicRandom(seed);
        check(random, RandomModels.Spec(random, 2 + random.NextInt(5), random.NextInt(2) == 0, maxFfn: random.NextInt(4) == 0 ? 400 : 60));
    }, iter: 150);

    private static IReadOnlyList<KeptGroups> Select(ModelSpec spec, IReadOnlyList<KeptGroups> kept, IReadOnlyList<LayerScores> scores, double ratio) =>
        GlobalRanking.Select(spec, spec.Layers, kept, scores, ratio);

    private static IReadOnlyList<KeptGroups> KeepAll(ModelSpec spec) => [.. spec.Layers.Select(KeptGroups.All)];

    private static LayerSpec[] Shapes(ModelSpec spec, IReadOnlyList<KeptGroups> keep) =>
        [.. spec.Layers.Select((layer, l) => KeptPositions.Shape(layer, keep[l], l))];

    private static int[] Flat(IEnumerable<KeptGroups> keep) => [.. keep.SelectMany(k => k.QueryHeads.Append(-1).Concat(k.KeyValueHeads).Append(-1).Concat(k.Channels).Append(-1))];

    private static ModelSpec Uniform(int layers, LayerSpec layer, int width, bool decoder) =>
        RandomModels.Spec(new DeterministicRandom(0), layers, decoder, width) with { Layers = [.. Enumerable.Repeat(layer, layers)] };

    private static void AssertLowestGone(float[] scores, int[] kept)
    {
        float[] gone = [.. scores.Where((_, i) => !kept.Contains(i))];
        if (gone.Length > 0)
            Assert.True(gone.Max() <= kept.Min(i => scores[i]));
    }

    /// <summary>Every number of parameters that can go, by enumeration of blocks, and the smallest block.</summary>
    private static (HashSet<long> Removed, long Smallest) PossibleRemovals(ModelSpec spec)
    {
        var possible = new HashSet<long> { 0 };
        long smallest = long.MaxValue;
        for (int l = 0; l < spec.Layers.Count; l++)
        {
            if (l < Math.Ceiling(spec.Layers.Count * 0.1) || l == spec.Layers.Count - 1)
                continue;
            var layer = spec.Layers[l];
            int multiple = layer.FfnWidth < 256 ? 8 : 32;
            var widths = Enumerable.Range(1, layer.FfnWidth).Where(f => f == layer.FfnWidth || (f % multiple == 0 && f < layer.FfnWidth));
            long[] ffn = [.. widths.Select(f => (long)(layer.FfnWidth - f) * PruningRatio.ChannelSize(spec))];
            long[] heads = [.. Enumerable.Range(0, layer.KeyValueHeads).Select(n => n * PruningRatio.GroupSize(spec, layer))];
            foreach (long[] options in new[] { ffn, heads })
            {
                long[] sorted = [.. options.Order()];
                for (int i = 1; i < sorted.Length; i++)
                    smallest = Math.Min(smallest, sorted[i] - sorted[i - 1]);
                possible = [.. possible.SelectMany(sum => options.Select(o => sum + o))];
            }
        }

        return (possible, smallest);
    }
}
