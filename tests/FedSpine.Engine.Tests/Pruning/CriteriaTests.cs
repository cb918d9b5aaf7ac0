using CsCheck;
using FedSpine.Engine.Lora;
using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Pruning;

/// <summary>Each criterion on random layers against a float64 loop over its definition.</summary>
public sealed class CriteriaTests : IDisposable
{
    private const int B = 3, T = 5;

    private readonly IComputeBackend _backend = HostBackend.Create(2);
    private readonly int[] _lengths = [5, 1, 3];

    public void Dispose() => _backend.Dispose();

    [Fact]
    public void NamesAreTheOptionValues()
    {
        Assert.Equal(["taylor", "lora-gradient", "activation", "magnitude", "random"], ImportanceCriteria.Names);
        Assert.All(ImportanceCriteria.Names, name => Assert.Equal(name, ImportanceCriteria.Create(name, 1).Name));
        Assert.Contains("taylor", Assert.Throws<InputException>(() => ImportanceCriteria.Create("hessian", 1)).Message);
    }

    [Fact]
    public void TaylorIsTheGateDerivativePerExampleSummedOverExamplesAndAGroupsHeads() => Sample((random, model) =>
    {
        using var criterion = new TaylorCriterion();
        criterion.Bind(model);
        var scores = LayerScores.Zero(model.Spec.Layers);
        for (int repeat = 0; repeat < 2; repeat++) // the second step starts from zero
        {
            using var run = new Run(this, random);
            for (int l = 0; l < model.Layers.Count; l++)
            {
                var layer = model.Spec.Layers[l];
                var (o, d_o, h, dh) = (run.Random(B * T * layer.QuerySize), run.Random(B * T * layer.QuerySize), run.Random(B * T * layer.FfnWidth), run.Random(B * T * layer.FfnWidth));
                criterion.OnBackwardFfn(_backend, run.Workspace, l, h.Device, dh.Device, SequenceRows.Padded(run.Lengths, T));
                criterion.OnBackwardAttention(_backend, run.Workspace, l, o.Device, d_o.Device, SequenceRows.Padded(run.Lengths, T));
                run.Expected.Add((
                    Grouped(Gates(o.Host, d_o.Host, layer.QueryHeads, layer.HeadSize), layer.KeyValueHeads),
                    Gates(h.Host, dh.Host, layer.FfnWidth, 1)));
            }

            criterion.Score(model, scores);
            run.AssertExpected(scores);
        }
    });

    [Fact]
    public void ActivationIsTheFluctuationOfEachColumnsContribution() => Sample((random, model) =>
    {
        using var criterion = new ActivationCriterion();
        criterion.Bind(model);
        var scores = LayerScores.Zero(model.Spec.Layers);
        for (int repeat = 0; repeat < 2; repeat++)
        {
            using var run = new Run(this, random);
            for (int l = 0; l < model.Layers.Count; l++)
            {
                var layer = model.Spec.Layers[l];
                var (o, h) = (run.Random(B * T * layer.QuerySize), run.Random(B * T * layer.FfnWidth));
                criterion.OnForward(_backend, run.Workspace, l, o.Device, h.Device, SequenceRows.Padded(run.Lengths, T));
                run.Expected.Add((
                    Grouped(Fluctuation(o.Host, model.Layers[l].Output), layer.KeyValueHeads),
                    Fluctuation(h.Host, model.Layers[l].Down)));
            }

            criterion.Score(model, scores);
            run.AssertExpected(scores);
        }
    });

    [Fact]
    public void MagnitudeIsTheSquaredNormOfAGroupsWeights() => Sample((random, model) =>
    {
        using var criterion = new MagnitudeCriterion();
        criterion.Bind(model);
        var scores = LayerScores.Zero(model.Spec.Layers);
        criterion.Score(model, scores);
        using var run = new Run(this, random);
        for (int l = 0; l < model.Layers.Count; l++)
            run.Expected.Add(OverModules(model, l, (_, w, _, _) => w * w, normalise: false));
        run.AssertExpected(scores);
    });

    [Fact]
    public void LoraGradientIsNormalisedPerModuleAndAddedOverAGroupsModules() => Sample((random, model) =>
    {
        using var criterion = new LoraGradientCriterion();
        criterion.Bind(model);
        var scores = LayerScores.Zero(model.Spec.Layers);
        foreach (var p in model.Parameters.Where(p => p.Name.Contains(".lora_")))
            RandomModels.Write(_backend, p.Gradient, () => (float)random.NextGaussian() * 0.1f);
        using var run = new Run(this, random);
        criterion.OnGradients(_backend, run.Workspace, model);
        criterion.Score(model, scores);
        for (int l = 0; l < model.Layers.Count; l++)
            run.Expected.Add(OverModules(model, l, LoraImportance, normalise: true));
        run.AssertExpected(scores);
    });

    [Fact]
    public void LoraGradientNeedsAnAdapterOnAttentionAndOnFfn()
    {
        var random = new DeterministicRandom(4);
        var spec = RandomModels.Spec(random, 2, decoder: true);
        using var model = Model.Create(_backend, spec, Trainable.Adapter, new LoraSpec(2, 4, [LinearRole.Query, LinearRole.Value]));
        using var criterion = new LoraGradientCriterion();
        Assert.Contains("FFN", Assert.Throws<InputException>(() => criterion.Bind(model)).Message);
        using var frozen = Model.Create(_backend, spec, Trainable.None, RandomModels.Lora(2));
        Assert.Throws<InputException>(() => criterion.Bind(frozen));
    }

    [Fact]
    public void RandomIsUniformPerParameterAndAGroupKeepsItsNumber() => Sample((random, model) =>
    {
        var criterion = new RandomCriterion(7);
        var scores = LayerScores.Zero(model.Spec.Layers);
        criterion.Score(model, scores);
        using var pruned = ModelSurgery.Prune(model, RandomModels.Cut(random, model.Kept));
        var left = LayerScores.Zero(pruned.Spec.Layers);
        criterion.Score(pruned, left);
        for (int l = 0; l < scores.Length; l++)
        {
            Assert.Equal(pruned.Kept[l].KeyValueHeads.Select(i => scores[l].Groups[i]), left[l].Groups);
            Assert.Equal(pruned.Kept[l].Channels.Select(i => scores[l].Channels[i]), left[l].Channels);
            var layer = model.Spec.Layers[l];
            long group = 2L * model.Spec.Width * (layer.QuerySize + layer.KeyValueSize) / layer.KeyValueHeads;
            Assert.All(scores[l].Groups, s => Assert.InRange(s / group, 0, 1));
            Assert.All(scores[l].Channels, s => Assert.InRange(s / ((model.Spec.IsDecoder ? 3 : 2) * model.Spec.Width), 0, 1));
        }

        var other = LayerScores.Zero(model.Spec.Layers);
        new RandomCriterion(8).Score(model, other);
        Assert.NotEqual(scores.SelectMany(s => s.Channels), other.SelectMany(s => s.Channels));
    });

    private void Sample(Action<DeterministicRandom, Model> check) => Gen.ULong.Sample(seed =>
    {
        var random = new DeterministicRandom(seed);
        var spec = RandomModels.Spec(random, 2, random.NextInt(2) == 0);
        using var model = Model.Create(_backend, spec, Trainable.Adapter, RandomModels.Lora(2));
        RandomModels.Fill(model, random);
        check(random, model);
    }, iter: 30, threads: 1);

    /// <summary>Per group of D columns: sum over b of |sum over t &lt; lengths[b], d of x * dx|.</summary>
    private double[] Gates(float[] x, float[] dx, int G, int D)
    {
        var sums = new double[G];
        for (int b = 0; b < B; b++)
        {
            for (int g = 0; g < G; g++)
            {
                double gate = 0;
                for (int t = 0; t < _lengths[b]; t++)
                {
                    for (int d = 0; d < D; d++)
                    {
                        int at = ((b * T + t) * G + g) * D + d;
                        gate += (double)x[at] * dx[at];
                    }
                }

                sums[g] += Math.Abs(gate);
            }
        }

        return sums;
    }

    /// <summary>Per column of x: its population variance over the tokens, times the squared norm of the weight's column.</summary>
    private double[] Fluctuation(float[] x, Linear linear)
    {
        int C = linear.In;
        float[] w = _backend.Read(linear.Weight.Value);
        var result = new double[C];
        for (int c = 0; c < C; c++)
        {
            var column = new List<double>();
            for (int b = 0; b < B; b++)
            {
                for (int t = 0; t < _lengths[b]; t++)
                    column.Add(x[(b * T + t) * C + c]);
            }

            double mean = column.Average(), weight = 0;
            for (int i = 0; i < linear.Out; i++)
                weight += (double)w[i * C + c] * w[i * C + c];
            result[c] = column.Average(v => (v - mean) * (v - mean)) * weight;
        }

        return result;
    }

    private delegate double ElementImportance(Linear linear, double w, int row, int column);

    /// <summary>(G * (W + s B A))^2 with G = gB A + B gA - gB gA.</summary>
    private double LoraImportance(Linear m, double w, int row, int column)
    {
        float[] a = _backend.Read(m.A!.Value), b = _backend.Read(m.B!.Value);
        float[] gA = _backend.Read(m.A.Gradient), gB = _backend.Read(m.B.Gradient);
        double G = 0, BA = 0;
        for (int r = 0; r < m.Rank; r++)
        {
            int i = row * m.Rank + r, j = r * m.In + column;
            G += (double)gB[i] * a[j] + (double)b[i] * gA[j] - (double)gB[i] * gA[j];
            BA += (double)b[i] * a[j];
        }

        return Math.Pow(G * (w + m.Scale * BA), 2);
    }

    /// <summary>Element importance summed along q, k, v, gate, up rows and o, down columns, and over the modules of a group.</summary>
    private (double[] Groups, double[] Channels) OverModules(Model model, int l, ElementImportance importance, bool normalise)
    {
        var layer = model.Spec.Layers[l];
        var (groups, channels) = (new double[layer.KeyValueHeads], new double[layer.FfnWidth]);
        foreach (var m in model.Layers[l].Linears)
        {
            bool byColumn = m.Role is LinearRole.Output or LinearRole.Down;
            float[] w = _backend.Read(m.Weight.Value);
            var sums = new double[byColumn ? m.In : m.Out];
            for (int i = 0; i < m.Out; i++)
            {
                for (int j = 0; j < m.In; j++)
                    sums[byColumn ? j : i] += importance(m, w[i * m.In + j], i, j);
            }

            double norm = normalise ? Math.Sqrt(sums.Sum(s => s * s)) : 1;
            double[] target = m.Role is LinearRole.Gate or LinearRole.Up or LinearRole.Down ? channels : groups;
            for (int i = 0; i < sums.Length; i++)
                target[i / (sums.Length / target.Length)] += sums[i] / norm;
        }

        return (groups, channels);
    }

    private static double[] Grouped(double[] values, int groups) => [.. values.Chunk(values.Length / groups).Select(chunk => chunk.Sum())];

    /// <summary>One step's device inputs, scratch and expected scores.</summary>
    private sealed class Run : IDisposable
    {
        private readonly CriteriaTests _tests;
        private readonly DeterministicRandom _random;
        private readonly Arena _arena;
        private readonly Arena _scratch;
        private int _used;

        public Run(CriteriaTests tests, DeterministicRandom random)
        {
            (_tests, _random) = (tests, random);
            _arena = tests._backend.Allocate(1 << 20);
            var record = Workspace.Record();
            for (int i = 0; i < 8; i++)
                record.Release(record.Rent<float>(B * 100));
            var plan = record.Plan();
            _scratch = tests._backend.Allocate(plan.Bytes);
            Workspace = Workspace.Replay(plan, _scratch);
            Lengths = new DeviceSpan<int>(_arena, (1 << 20) - 64, B);
            tests._backend.Upload<int>(Lengths, tests._lengths);
        }

        public Workspace Workspace { get; }

        public DeviceSpan<int> Lengths { get; }

        public List<(double[] Groups, double[] Channels)> Expected { get; } = [];

        public (DeviceSpan<float> Device, float[] Host) Random(int length)
        {
            var span = new DeviceSpan<float>(_arena, _used * 4, length);
            _used += length;
            RandomModels.Write(_tests._backend, span, () => (float)_random.NextGaussian());
            return (span, _tests._backend.Read(span));
        }

        public void AssertExpected(LayerScores[] scores)
        {
            for (int l = 0; l < scores.Length; l++)
            {
                AssertClose(Expected[l].Groups, scores[l].Groups);
                AssertClose(Expected[l].Channels, scores[l].Channels);
            }
        }

        public void Dispose()
        {
            _arena.Dispose();
            _scratch.Dispose();
        }

        private static void AssertClose(double[] expected, float[] actual)
        {
            Assert.Equal(expected.Length, actual.Length);
            double tolerance = 1e-5 * expected.Max();
            for (int i = 0; i < expected.Length; i++)
                Assert.Equal(expected[i], actual[i], tolerance);
        }
    }
}
