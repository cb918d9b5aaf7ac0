using CsCheck;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;

namespace FedSpine.Engine.Tests.Pruning;

/// <summary>Every number lands where the kept indices say: weights, biases, adapters and moments, also after several prunings.</summary>
public sealed class ModelSurgeryTests : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public void Dispose() => _backend.Dispose();

    [Theory]
    [InlineData(Trainable.None)]
    [InlineData(Trainable.Adapter)]
    [InlineData(Trainable.All)]
    public void PruningKeepsTheRightNumbers(Trainable trainable) => Sample((random, spec) =>
    {
        var original = Model.Create(_backend, spec, trainable, trainable == Trainable.All ? null : RandomModels.Lora(3));
        RandomModels.Fill(original, random);
        var model = original;
        for (int cut = 0; cut < 3; cut++)
        {
            var pruned = ModelSurgery.Prune(model, RandomModels.Cut(random, model.Kept));
            if (model != original)
                model.Dispose();
            model = pruned;
        }

        Assert.Equal(original.BaseLayers, model.BaseLayers);
        Assert.Equal(trainable, model.Trainable);
        foreach (var (from, to) in original.Parameters.Zip(model.Parameters))
        {
            Assert.Equal(from.Name, to.Name);
            var (rows, columns) = KeptElements(model, to);
            AssertCut(from, to, rows, columns, p => p.Value);
            if (!to.Trainable)
                continue;
            AssertCut(from, to, rows, columns, p => p.FirstMoment);
            AssertCut(from, to, rows, columns, p => p.SecondMoment);
            Assert.All(_backend.Read(to.Gradient), g => Assert.Equal(0, g));
        }

        model.Dispose();
        original.Dispose();
    });

    [Fact]
    public void ACutOfASharedBaseHasTheKeptWeightsAndAFreshAdapter() => Sample((random, spec) =>
    {
        using var shared = Model.Create(_backend, spec);
        RandomModels.Fill(shared, random);
        using var other = HostBackend.Create(1);
        using var device = ModelSurgery.Cut(shared, RandomModels.Cut(random, shared.Kept), Trainable.Adapter, RandomModels.Lora(1 + random.NextInt(4)), other);
        Assert.Same(other, device.Backend);
        var sources = shared.Parameters.ToDictionary(p => p.Name);
        foreach (var to in device.Parameters)
        {
            if (sources.TryGetValue(to.Name, out var from))
            {
                var (rows, columns) = KeptElements(device, to);
                AssertCut(from, to, rows, columns, p => p.Value);
            }
            else
            {
                Assert.All(other.Read(to.Value), v => Assert.Equal(0, v));
            }

            if (to.Trainable)
                Assert.All(other.Read(to.FirstMoment).Concat(other.Read(to.SecondMoment)), v => Assert.Equal(0, v));
        }
    });

    [Fact]
    public void EqualNumbersOfQueryHeadsMayLeaveEveryGroup()
    {
        var spec = Decoder(new LayerSpec(6, 2, 4, 16));
        using var model = Model.Create(_backend, spec);
        RandomModels.Fill(model, new DeterministicRandom(3));
        using var pruned = ModelSurgery.Prune(model, [new KeptGroups([0, 2, 3, 4], [0, 1], [5, 7])]);
        Assert.Equal(new LayerSpec(4, 2, 4, 2), pruned.Spec.Layers[0]);
        using var once = ModelSurgery.Prune(pruned, [new KeptGroups([3, 4], [1], [7])]);
        Assert.Equal(new LayerSpec(2, 1, 4, 1), once.Spec.Layers[0]);
        var (rows, columns) = KeptElements(once, once.Layers[0].Query.Weight);
        AssertCut(model.Layers[0].Query.Weight, once.Layers[0].Query.Weight, rows, columns, p => p.Value);
    }

    [Fact]
    public void ImpossibleCutsAreRefused()
    {
        var spec = Decoder(new LayerSpec(4, 2, 4, 16));
        using var model = Model.Create(_backend, spec);
        void Refused<T>(KeptGroups keep, string says) where T : Exception =>
            Assert.Contains(says, Assert.Throws<T>(() => ModelSurgery.Prune(model, [keep])).Message);

        Refused<InputException>(new([], [], [1]), "layer 0: 0 key-value heads");
        Refused<InputException>(new([0, 1], [0], []), "0 channels");
        Refused<InputException>(new([0, 1, 2], [0, 1], [1]), "[0, 1, 2]");
        Refused<InputException>(new([0, 2], [0], [1]), "[0, 2]");
        Refused<ArgumentException>(new([0, 1], [0], [16]), "index 16");
        Refused<ArgumentException>(new([0, 1], [0], [3, 2]), "index 2");
        Refused<ArgumentException>(new([0, 1], [0], [3, 3]), "index 3");
        using var pruned = ModelSurgery.Prune(model, [new([0, 1], [0], [1, 2])]);
        Assert.Throws<InputException>(() => KeptPositions.Shape(new LayerSpec(1, 2, 4, 8), new([0], [0], [0]), 0)); // a base that no group divides
        Assert.Contains("layer 0: index 3", Assert.Throws<ArgumentException>(() => ModelSurgery.Prune(pruned, [new([0, 1], [0], [1, 3])])).Message);
        Assert.Throws<ArgumentException>(() => ModelSurgery.Prune(model, []));
    }

    private static ModelSpec Decoder(LayerSpec layer) => RandomModels.Spec(new DeterministicRandom(0), 1, decoder: true) with { Layers = [layer] };

    private static void Sample(Action<DeterministicRandom, ModelSpec> check) => Gen.ULong.Sample(seed =>
    {
        var random = new DeterministicRandom(seed);
        check(random, RandomModels.Spec(random, 1 + random.NextInt(3), random.NextInt(2) == 0));
    }, iter: 40, threads: 1);

    /// <summary>Base rows and columns that a parameter of a pruned model has.</summary>
    private static (int[] Rows, int[] Columns) KeptElements(Model model, Parameter p)
    {
        int[] Of(GroupAxis axis, int size) =>
            (p.Layer < 0 ? null : model.Kept[p.Layer].Elements(axis, model.BaseLayers[p.Layer].HeadSize)) ?? [.. Enumerable.Range(0, size)];
        return (Of(p.RowAxis, p.Rows), Of(p.ColumnAxis, p.Columns));
    }

    private void AssertCut(Parameter from, Parameter to, int[] rows, int[] columns, Func<Parameter, Kernels.Memory.DeviceSpan<float>> part)
    {
        Assert.Equal((rows.Length, columns.Length), (to.Rows, to.Columns));
        float[] before = _backend.Read(part(from));
        float[] expected = [.. rows.SelectMany(r => columns.Select(c => before[r * from.Columns + c]))];
        Assert.Equal(expected, _backend.Read(part(to)));
    }
}
