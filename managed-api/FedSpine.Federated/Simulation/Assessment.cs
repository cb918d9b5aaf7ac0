using System.Diagnostics;
using FedSpine.Engine.Models;
using FedSpine.Engine.Tasks;
using FedSpine.Engine.Training;
using FedSpine.Kernels;

namespace FedSpine.Federated.Simulation;

/// <summary>Measures a federation's models: quality on the test set, and speed where it computes.</summary>
internal static class Assessment
{
    private const int EvaluationBatch = 32;
    private const int TimedDevices = 4;
    private const int TimingRuns = 9;

    /// <summary>Per device, the test result of its pruned model with the global adapter. Devices that cannot differ are run once.</summary>
    public static EvaluationResult[] Evaluate(Federation federation, int examples, Workers workers, CancellationToken cancel)
    {
        var setup = federation.Setup;
        int[] chosen = [.. Enumerable.Range(0, Math.Min(examples, setup.Data.Test.Count))];
        var groups = federation.Devices.GroupBy(d => d.Ratio > 0 ? d.Device : -1).Select(g => g.ToArray()).ToList();
        var results = workers.Run(groups, (group, backend) =>
        {
            using var model = Merged(federation, group[0], backend);
            using var inference = new Inference(model, EvaluationBatch, setup.Data.MaxLength);
            return Evaluation.Run(b => inference.Evaluate(b), setup.Data, setup.Data.Test, chosen, new Batch(EvaluationBatch, setup.Data.MaxLength), cancel);
        }, cancel);
        var byDevice = new EvaluationResult[federation.Devices.Length];
        for (int g = 0; g < groups.Count; g++)
        {
            foreach (var device in groups[g])
                byDevice[device.Device] = results[g];
        }

        return byDevice;
    }

    /// <summary>
    /// The device's model ready to run: pruned, the global adapter merged into the weights, of whatever rank it is: merged, it costs
    /// nothing at run time.
    /// </summary>
    public static Model Merged(Federation federation, DeviceState device, IComputeBackend backend) => DeviceModel.CreateMerged(
        federation.Setup, backend, device.Kept, federation.AdapterOf(device));

    /// <summary>
    /// Time of a test batch through the pruned models over the time through the unpruned one: run in turns, median of each, mean over
    /// up to four devices.
    /// </summary>
    public static double InferenceTimeRatio(Federation federation, IComputeBackend backend, CancellationToken cancel)
    {
        var setup = federation.Setup;
        int B = Math.Min(EvaluationBatch, setup.Data.Test.Count);
        var batch = new Batch(B, setup.Data.MaxLength);
        setup.Data.Fill(batch, setup.Data.Test, [.. Enumerable.Range(0, B)]);
        using var unpruned = Merged(federation, federation.WholeDevice(), backend);
        using var unprunedRun = new Inference(unpruned, B, setup.Data.MaxLength);
        int devices = federation.Devices.Length, step = Math.Max(1, devices / TimedDevices);
        var ratios = new List<double>();
        for (int d = 0; d < devices && ratios.Count < TimedDevices; d += step)
        {
            cancel.ThrowIfCancellationRequested();
            using var pruned = Merged(federation, federation.Devices[d], backend);
            using var prunedRun = new Inference(pruned, B, setup.Data.MaxLength);
            var times = (Pruned: new double[TimingRuns], Unpruned: new double[TimingRuns]);
            for (int run = -2; run < TimingRuns; run++) // two to warm up
            {
                double p = Time(prunedRun, batch), u = Time(unprunedRun, batch);
                if (run >= 0)
                    (times.Pruned[run], times.Unpruned[run]) = (p, u);
            }

            ratios.Add(Median(times.Pruned) / Median(times.Unpruned));
        }

        return ratios.Average();
    }

    /// <summary>Bytes that a training step of a device's present model allocates: model, optimizer and activations, without scoring.</summary>
    public static long TrainingBytes(Federation federation, DeviceState device, IComputeBackend backend)
    {
        var (setup, options) = (federation.Setup, federation.Setup.Options);
        using var model = DeviceModel.Create(setup, backend, device.Kept, device.Rank, federation.DownloadFor(device, device.Rank));
        using var trainer = new Trainer(model, new TrainingOptions(), Math.Min(options.Batch, setup.Data.Train.Count), setup.Data.MaxLength);
        return model.Bytes + trainer.ActivationBytes;
    }

    private static double Time(Inference inference, Batch batch)
    {
        long start = Stopwatch.GetTimestamp();
        inference.Evaluate(batch);
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static double Median(double[] values)
    {
        Array.Sort(values);
        return values[values.Length / 2];
    }
}
