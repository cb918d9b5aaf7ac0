using FedSpine.Engine.Models;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Models;

/// <summary>Logits, loss and gradients against PyTorch's float64, within the tolerances that the reference values state.</summary>
public sealed class GoldenForwardBackward : IDisposable
{
    private const double LogitTolerance = 2e-5, LossTolerance = 1e-5, GradientTolerance = 1e-4;

    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public static TheoryData<string> Folders => GoldenCase.Folders;

    public static IEnumerable<TheoryDataRow<string, Recompute>> FoldersAndModes =>
        from folder in Folders from mode in Enum.GetValues<Recompute>() select new TheoryDataRow<string, Recompute>(folder, mode);

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Folders))]
    public void Base_logits_and_loss(string folder) => LogitsAndLoss(folder, "base", adapter: false);

    [Theory]
    [MemberData(nameof(Folders))]
    public void Adapted_logits_and_loss(string folder) => LogitsAndLoss(folder, "lora", adapter: true);

    [Theory]
    [MemberData(nameof(FoldersAndModes))]
    public void Adapter_gradients(string folder, Recompute mode) => Gradients(folder, Trainable.Adapter, mode);

    [Theory]
    [MemberData(nameof(FoldersAndModes))]
    public void Weight_gradients(string folder, Recompute mode) => Gradients(folder, Trainable.All, mode);

    [Theory]
    [MemberData(nameof(FoldersAndModes))]
    public void Gate_gradients(string folder, Recompute mode) => GateGradients(folder, mode, everyRow: true);

    [Theory]
    [MemberData(nameof(FoldersAndModes))]
    public void Gate_gradients_of_the_rows_that_matter(string folder, Recompute mode) => GateGradients(folder, mode, everyRow: false);

    private void GateGradients(string folder, Recompute mode, bool everyRow)
    {
        using var golden = new GoldenCase(folder);
        using var model = golden.Load(_backend, adapter: true, Trainable.Adapter);
        using var trainer = new Trainer(model, new TrainingOptions { Recompute = mode }, golden.Batch.B, golden.Batch.T);
        var gates = new GateRecorder(model, everyRow);
        trainer.ComputeGradients([golden.Batch], gates);
        foreach (var (name, values) in gates.Gates)
            AssertWithin(GradientTolerance, Compare.Frobenius(values, golden[name]), name);
        Assert.Equal(golden.Names.Count(n => n.StartsWith("gate_grad.", StringComparison.Ordinal)), gates.Gates.Count);
    }

    private void LogitsAndLoss(string folder, string name, bool adapter)
    {
        using var golden = new GoldenCase(folder);
        using var model = golden.Load(_backend, adapter);
        using var inference = new Inference(model, golden.Batch.B, golden.Batch.T);
        AssertWithin(LogitTolerance, golden.LogitError($"{name}.logits", inference.Logits(golden.Batch)), "logits");
        float loss = golden[$"{name}.loss"][0];
        AssertWithin(LossTolerance, Math.Abs(inference.Evaluate(golden.Batch).Loss / loss - 1), "loss");
    }

    private void Gradients(string folder, Trainable trainable, Recompute mode)
    {
        using var golden = new GoldenCase(folder);
        using var model = golden.Load(_backend, adapter: true, trainable);
        using var trainer = new Trainer(model, new TrainingOptions { Recompute = mode }, golden.Batch.B, golden.Batch.T);
        var result = trainer.ComputeGradients([golden.Batch]);
        AssertWithin(LossTolerance, Math.Abs(result.Loss / golden["lora.loss"][0] - 1), "loss");
        int compared = 0;
        foreach (var parameter in model.Parameters.Where(p => p.Trainable && golden.Has($"grad.{p.Name}")))
        {
            AssertWithin(GradientTolerance, Compare.Frobenius(_backend.Read(parameter.Gradient), golden[$"grad.{parameter.Name}"]), parameter.Name);
            compared++;
        }

        // Adapter training has gradients of the factors and the classifier; full training of every named weight.
        int expected = golden.Names.Count(n => n.StartsWith("grad.", StringComparison.Ordinal)
            && (trainable == Trainable.All || n.Contains(".lora_") || n.StartsWith("grad.classifier.", StringComparison.Ordinal)));
        Assert.Equal(expected, compared);
    }

    private static void AssertWithin(double tolerance, double error, string what) =>
        Assert.True(error <= tolerance, $"{what}: relative error {error:e2}, at most {tolerance:e0} allowed");

    /// <summary>Keeps dL/dgate of every head and channel, under the names of the reference values.</summary>
    private sealed class GateRecorder(Model model, bool everyRow) : IStepObserver
    {
        public Dictionary<string, float[]> Gates { get; } = [];

        public bool WantsEveryRow => everyRow;

        public void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h,
            SequenceRows rows) { }

        public void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh,
            SequenceRows rows) => Record(backend, workspace, layer, "channels", h, dh, rows, model.Layers[layer].Spec.FfnWidth, 1);

        public void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o,
            SequenceRows rows) =>
            Record(backend, workspace, layer, "heads", o, d_o, rows, model.Layers[layer].Spec.QueryHeads, model.Layers[layer].Spec.HeadSize);

        public void OnGradients(IComputeBackend backend, Workspace workspace, Model observed) => Assert.Same(model, observed);

        private void Record(IComputeBackend backend, Workspace workspace, int layer, string what, DeviceSpan<float> x, DeviceSpan<float> dx,
            SequenceRows rows, int G, int D)
        {
            var gates = workspace.Rent<float>(rows.Sequences * G);
            var score = workspace.Rent<float>(G);
            backend.Fill(score, 0);
            foreach (var run in rows.Runs)
            {
                backend.TaylorImportance(score, gates.Slice(run.Sequence * G, run.Sequences * G), rows.Of(run, x), rows.Of(run, dx), rows.LengthsOf(run),
                    run.Sequences, run.Length, G, D);
            }

            Gates[$"gate_grad.{ModelNames.Layer(model.Spec.Family, layer)}.{what}"] = backend.Read(gates);
            workspace.Release(score);
            workspace.Release(gates);
        }
    }
}
