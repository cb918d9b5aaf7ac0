using CsCheck;
using FedSpine.Engine;
using FedSpine.Engine.Lora;
using FedSpine.Federated.Aggregation;
using static FedSpine.Federated.Tests.Aggregation.AdapterCases;

namespace FedSpine.Federated.Tests.Aggregation;

/// <summary>Changes are merged, in dense float64 arithmetic and in the server's factors.</summary>
public class ResidualAggregatorTests
{
    private static readonly GlobalAdapter Nothing = GlobalAdapter.Empty(new Dictionary<string, float[]>());

    private static readonly ResidualAggregator Rule = new();

    [Fact]
    public void TheFirstRoundIsTheWeightedSum() => Rounds(covered: true).Sample(
        // No more than twice the largest rank is kept.
        round => Close(Truncated(Target(round), 2 * round.Modules.Max(m => m.Rank)), Dense(Merge(Nothing, round.Updates)), 1e-4), iter: 200);

    [Fact]
    public void ChangesAreAddedWhereADeviceStillHoldsTheIndex() => Gen.Select(Rounds(covered: false), Gen.ULong).Sample(
        (round, seed) =>
        {
            var random = new DeterministicRandom(seed);
            // Rank 1 before, so that nothing of the sum is lost below the limit; the devices started from all rows and columns, and may have lost some since.
            AdapterModule before = Module(round.Out, round.In, 1, 1, null, null, random);
            AdapterModule[] starts = [.. round.Modules.Select(m => Module(round.Out, round.In, m.Rank, m.Scale, null, null, random))];
            AdapterUpdate[] updates = [.. round.Updates.Select((u, k) => u with { Start = State(starts[k]) })];
            var changes = round.Modules.Select((m, k) => (Module: m, Now: Dense(m), Then: Restrict(Dense(starts[k]), Shape(m)), Weight: round.Weights[k])).ToList();
            double[,] old = Dense(before);
            double[,] expected = Build(round.Out, round.In, (i, j) =>
            {
                var holders = changes.Where(c => c.Module.Rows?.Contains(i) != false && c.Module.Columns?.Contains(j) != false).ToList();
                return old[i, j] + (holders.Count == 0 ? 0 : holders.Sum(c => c.Weight * (c.Now[i, j] - c.Then[i, j])) / holders.Sum(c => c.Weight));
            });
            Close(Truncated(expected, 2 * round.Modules.Max(m => m.Rank)), Dense(Merge(new GlobalAdapter(State(before)), updates)), 1e-4);
        },
        iter: 200);

    [Fact]
    public void WhatTruncationDropsIsNotLost()
    {
        AdapterModule global = Module(20, 16, 4, 1, null, null, new DeterministicRandom(1));
        var before = new GlobalAdapter(State(global));
        // A device of rank 2 returns what it got: nothing changed.
        AdapterState start = Rule.Cut(before, [Shape(global)], 2)!;
        AdapterModule after = Merge(before, [new AdapterUpdate(0, 1, start) { Start = start }]);
        Close(Dense(global), Dense(after), 1e-5);
        AdapterModule lossy = AggregatorFactory.Create("svd").Aggregate(before, [new AdapterUpdate(0, 1, start)], out _).State.Modules[0];
        Assert.True(Distance(Dense(global), Dense(lossy)) > 0.1 * Norm(Dense(global)));
    }

    [Fact]
    public void ADeviceStartsFromTheBestApproximationOfTheLargestRank() => Gen.Select(Rounds(covered: true), Gen.Int[1, 4], Gen.Int[0, 4]).Sample(
        (round, rank, more) =>
        {
            var global = new GlobalAdapter(State(Merge(Nothing, round.Updates)));
            AdapterShape shape = Shape(round.Modules[^1]);
            AdapterModule trained = Rule.Cut(global, [shape], rank)!.Modules[0];
            var rest = Rule.Rest(global, [shape], rank, rank + more);
            Assert.InRange(rest.Count, 0, more == 0 ? 0 : 1);
            double[,] folded = rest.Count == 0 ? new double[round.Out, round.In] : Dense(rest[0]), own = Dense(trained);
            Close(Truncated(Restrict(Dense(global.State.Modules[0]), shape), rank + more), Build(round.Out, round.In, (i, j) => own[i, j] + folded[i, j]), 1e-4);
        },
        iter: 200);

    [Fact]
    public void TheOtherRulesFoldNothingBesideTheAdapter() =>
        Assert.Empty(AggregatorFactory.Create("svd").Rest(new GlobalAdapter(State(Module(6, 5, 2, 1, null, null, new DeterministicRandom(1)))), [], 1, 8));

    private static AdapterModule Merge(GlobalAdapter previous, AdapterUpdate[] updates) => Rule.Aggregate(previous, updates, out _).State.Modules[0];

    /// <summary>The best approximation of a rank, by the server's own decomposition, which has tests of its own.</summary>
    private static double[,] Truncated(double[,] x, int rank)
    {
        ColumnMatrix left = new(x.GetLength(0), x.GetLength(1)), right = new(x.GetLength(1), x.GetLength(1));
        for (int j = 0; j < left.Columns; j++)
        {
            right[j][j] = 1;
            for (int i = 0; i < left.Rows; i++)
                left[j][i] = x[i, j];
        }
        LowRank best = LowRank.Factor(left, right, rank);
        return Build(x.GetLength(0), x.GetLength(1), (i, j) => Enumerable.Range(0, best.Sigma.Length).Sum(c => best.Sigma[c] * best.U[c][i] * best.V[c][j]));
    }
}
