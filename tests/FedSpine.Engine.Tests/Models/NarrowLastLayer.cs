using FedSpine.Engine.Models;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels;
using FedSpine.Kernels.Host;
using FedSpine.Kernels.Memory;

namespace FedSpine.Engine.Tests.Models;

/// <summary>A classifier's last layer computes one row of each sequence behind its attention; nothing that is learned may tell.</summary>
public sealed class NarrowLastLayer : IDisposable
{
    private readonly IComputeBackend _backend = HostBackend.Create(2);

    public static IEnumerable<TheoryDataRow<ModelFamily, bool>> Families =>
        from family in new[] { ModelFamily.Roberta, ModelFamily.Bert, ModelFamily.Llama } from all in new[] { false, true } select new TheoryDataRow<ModelFamily, bool>(family, all);

    public void Dispose() => _backend.Dispose();

    [Theory]
    [MemberData(nameof(Families))]
    public void LossAndGradientsAreThoseOfEveryRow(ModelFamily family, bool all)
    {
        using var model = Model(family, all ? Trainable.All : Trainable.Adapter);
        var batch = TinyModels.Batch(model.Spec, 2, 7, 3, 1, 5);
        using var trainer = new Trainer(model, new TrainingOptions(), batch.B, batch.T);
        double narrow = trainer.ComputeGradients([batch]).Loss;
        float[] gradients = _backend.Read(model.TrainableGradients);
        var rows = new LastLayerRows(model, everyRow: true);
        Assert.Equal(narrow, trainer.ComputeGradients([batch], rows).Loss, 1e-5 * Math.Abs(narrow));
        Assert.InRange(Compare.Frobenius(gradients, _backend.Read(model.TrainableGradients)), 0, 1e-5);
        Assert.Equal(16, rows.Seen);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void GateGradientsAreThoseOfEveryRow(ModelFamily family, bool all)
    {
        using var model = Model(family, all ? Trainable.All : Trainable.Adapter);
        var batch = TinyModels.Batch(model.Spec, 3, 4, 9, 2);
        using var trainer = new Trainer(model, new TrainingOptions(), batch.B, batch.T);
        var (narrow, wide) = (Scores(everyRow: false), Scores(everyRow: true));
        for (int l = 0; l < narrow.Length; l++)
        {
            Assert.InRange(Compare.Frobenius(narrow[l].Groups, wide[l].Groups), 0, 1e-5);
            Assert.InRange(Compare.Frobenius(narrow[l].Channels, wide[l].Channels), 0, 1e-5);
        }

        LayerScores[] Scores(bool everyRow)
        {
            using var criterion = new TaylorCriterion();
            criterion.Bind(model);
            var observer = new LastLayerRows(model, everyRow, criterion);
            trainer.ComputeGradients([batch], observer);
            Assert.Equal(everyRow ? 15 : 3, observer.Seen);
            var scores = LayerScores.Zero(model.Spec.Layers);
            criterion.Score(model, scores);
            return scores;
        }
    }

    private Model Model(ModelFamily family, Trainable trainable) => TinyModels.Random(_backend, family switch
    {
        ModelFamily.Roberta => TinyModels.Roberta(ModelHead.SequenceClassification),
        ModelFamily.Bert => TinyModels.Bert(ModelHead.SequenceClassification),
        _ => TinyModels.Llama(ModelHead.SequenceClassification),
    }, trainable, TinyModels.Lora);

    /// <summary>Counts the rows of the last layer, and hands everything on.</summary>
    private sealed class LastLayerRows(Model model, bool everyRow, IStepObserver? inner = null) : IStepObserver
    {
        public int Seen { get; private set; }

        public bool WantsEveryRow => everyRow;

        public void OnForward(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> h, SequenceRows rows)
        {
            Assert.Equal(rows.Rows * model.Spec.Layers[layer].FfnWidth, h.Length);
            Assert.Equal(rows.Rows * model.Spec.Layers[layer].QuerySize, o.Length);
            if (layer == model.Layers.Count - 1)
                Seen = rows.Rows;
        }

        public void OnBackwardFfn(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> h, DeviceSpan<float> dh, SequenceRows rows) =>
            inner?.OnBackwardFfn(backend, workspace, layer, h, dh, rows);

        public void OnBackwardAttention(IComputeBackend backend, Workspace workspace, int layer, DeviceSpan<float> o, DeviceSpan<float> d_o, SequenceRows rows) =>
            inner?.OnBackwardAttention(backend, workspace, layer, o, d_o, rows);

        public void OnGradients(IComputeBackend backend, Workspace workspace, Model observed) { }
    }
}
