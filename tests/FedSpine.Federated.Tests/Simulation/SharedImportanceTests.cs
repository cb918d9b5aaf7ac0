using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Federated.Simulation;

namespace FedSpine.Federated.Tests.Simulation;

public class SharedImportanceTests
{
    private static readonly LayerSpec[] Layers = [new LayerSpec(2, 2, 4, 3)];

    private static readonly KeptGroups[] All = [KeptGroups.All(Layers[0])];

    [Fact]
    public void The_mean_weighs_devices_by_examples_and_not_by_the_size_of_their_scores()
    {
        var merged = SharedImportance.Merge(Layers, null, [(All, Scores([3, 4], [0, 0, 0]), 1), (All, Scores([0, 0], [0, 2000, 0]), 3)])!;
        Assert.Equal([0.15f, 0.2f], merged[0].Groups, (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal([0f, 0.75f, 0f], merged[0].Channels, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    [Fact]
    public void What_nobody_holds_keeps_its_score_and_the_rest_moves_half_way()
    {
        var previous = Scores([0.5f, 0.25f], [0.1f, 0.2f, 0.3f]);
        KeptGroups[] kept = [new KeptGroups([1], [1], [0, 2])];
        var merged = SharedImportance.Merge(Layers, previous, [(kept, Scores([1], [0, 0]), 5)])!;
        Assert.Equal([0.5f, 0.625f], merged[0].Groups);
        Assert.Equal([0.05f, 0.2f, 0.15f], merged[0].Channels, (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Same(previous, SharedImportance.Merge(Layers, previous, []));
        Assert.Null(SharedImportance.Merge(Layers, null, []));
    }

    [Fact]
    public void A_device_ranks_by_the_mean_more_than_by_itself()
    {
        var shared = Scores([1, 0], [0, 0, 0]);
        var own = SharedImportance.Blend(Scores([0, 10], [0, 0, 0]), shared, All);
        Assert.True(own[0].Groups[0] > own[0].Groups[1] && own[0].Groups[1] > 0);
        var alone = Scores([0, 10], [1, 2, 3]);
        Assert.Same(alone, SharedImportance.Blend(alone, null, All));
    }

    [Fact]
    public void Scores_are_those_of_what_is_left()
    {
        KeptGroups[] kept = [new KeptGroups([1], [1], [0, 2])];
        var own = SharedImportance.Blend(Scores([0], [0, 0]), Scores([9, 3], [0, 9, 4]), kept);
        Assert.Equal(0.6f / 0.8f, own[0].Groups[0] / own[0].Channels[1], 1e-5);
        Assert.Equal(0, own[0].Channels[0]);
        Assert.Equal(4 * 3, SharedImportance.Bytes(kept));
    }

    private static LayerScores[] Scores(float[] groups, float[] channels) => [new LayerScores(groups, channels)];
}
