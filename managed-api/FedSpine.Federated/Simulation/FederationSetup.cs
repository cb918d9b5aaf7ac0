using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
using FedSpine.Federated.Aggregation;

namespace FedSpine.Federated.Simulation;

/// <summary>What all federations of a run share and none changes: base model, data, shares, fleet.</summary>
internal sealed record FederationSetup(
    SimulationOptions Options, Model Base, TaskData Data, int[][] Shares, Fleet Fleet, ParticipantSampler Sampler, IReadOnlyList<LinearRole> Targets)
{
    /// <summary>s = alpha / rank, the same for every rank.</summary>
    public float Scale => (float)(Options.Alpha / Options.Rank);

    /// <summary>Values of the trainable head as the base has it, by parameter name: where every run starts.</summary>
    public IReadOnlyDictionary<string, float[]> InitialHead { get; } = ReadHead(Base);

    private readonly int[] _labelCounts = Options.CalibrateLogits!.Value ? CountLabels(Data, Shares.SelectMany(s => s)) : [];

    /// <summary>The bias through which logits are calibrated; null where the head has none, or it is not asked for.</summary>
    public string? CalibratedBias { get; } = Options.CalibrateLogits!.Value ? Base.Head.Out?.Bias?.Name : null;

    /// <summary>A device's calibration, by its examples; null where logits are not calibrated.</summary>
    public LogitCalibration? CalibrationOf(int[] examples) => CalibratedBias is null ? null
        : new LogitCalibration(CalibratedBias, LogitCalibration.Shift(CountLabels(Data, examples), _labelCounts));

    /// <summary>Where the adapter modules of a device sit in the base, in checkpoint order.</summary>
    public IReadOnlyList<AdapterShape> Shapes(IReadOnlyList<KeptGroups> kept)
    {
        var shapes = new List<AdapterShape>();
        for (int layer = 0; layer < Base.Layers.Count; layer++)
        {
            int headSize = Base.Layers[layer].Spec.HeadSize;
            foreach (var linear in Base.Layers[layer].Linears.Where(l => Targets.Contains(l.Role)))
            {
                shapes.Add(new AdapterShape(linear.Name, Scale, linear.Out, linear.In,
                    kept[layer].Elements(linear.Weight.RowAxis, headSize), kept[layer].Elements(linear.Weight.ColumnAxis, headSize)));
            }
        }

        return shapes;
    }

    private static int[] CountLabels(TaskData data, IEnumerable<int> examples)
    {
        var counts = new int[data.Labels.Count];
        foreach (int example in examples)
            counts[data.Train[example].Label]++;
        return counts;
    }

    private static Dictionary<string, float[]> ReadHead(Model model)
    {
        var head = new Dictionary<string, float[]>();
        if (model.Spec.Head != ModelHead.SequenceClassification)
            return head;
        foreach (var linear in new[] { model.Head.Dense, model.Head.Out }.OfType<Linear>())
        {
            foreach (var parameter in new[] { linear.Weight, linear.Bias }.OfType<Parameter>())
            {
                var values = new float[parameter.Length];
                model.Backend.Download(values, parameter.Value);
                head.Add(parameter.Name, values);
            }
        }

        return head;
    }
}
