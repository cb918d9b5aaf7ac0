using System.Diagnostics;
using FedSpine.Bench.Measuring;
using FedSpine.Engine.Pruning;
using FedSpine.Engine.Training;
using FedSpine.Kernels.Host;

namespace FedSpine.Bench.Steps;

/// <summary>Medians over the rounds, seconds a step; the pruned ones null where nothing was pruned.</summary>
/// <param name="OpenBlasGflops">OpenBLAS's best rate of a 1536^3 product in any round with as many threads; null where it is absent.</param>
/// <param name="TrainShareOfOpenBlas">The step's necessary operations a second, by the median round, over that rate.</param>
/// <param name="OpenBlasMeanGflops">Its rate over the products of a round, by the median round: what it sustains beside whatever else runs.</param>
/// <param name="TrainShareOfOpenBlasMean">The same over that rate.</param>
/// <param name="ProfilerOverhead">Time that profiling adds to a step, as a share of it.</param>
/// <param name="TaylorOverhead">Time that scoring by "taylor" adds to a step, as a share of the rest of the step.</param>
internal sealed record StepTimes(double TrainStepSeconds, double ForwardSeconds, double? OpenBlasGflops, long TrainFlops, long ForwardFlops,
    double? TrainShareOfOpenBlas, double? ForwardShareOfOpenBlas, double? OpenBlasMeanGflops, double? TrainShareOfOpenBlasMean, double? ForwardShareOfOpenBlasMean,
    double AllocatedBytesPerStep, double TaylorOverhead, double LoraGradientOverhead, double ProfilerOverhead,
    double? PrunedTrainStepSeconds, double? PrunedForwardSeconds, double? PrunedTrainRatio, double? PrunedForwardRatio,
    double[] TrainStepSecondsOfRounds, double[] ForwardSecondsOfRounds, double[] OpenBlasGflopsOfRounds,
    double[] OpenBlasMeanGflopsOfRounds);

/// <summary>Every round runs OpenBLAS, a training step, a forward pass, and the same of the pruned model, one after the other.</summary>
internal static class StepTiming
{
    public static StepTimes Measure(StepOptions options)
    {
        using var backend = HostBackend.Create(options.Threads);
        using var setup = new StepSetup(backend, options, 0);
        using var pruned = options.Pruned > 0 ? new StepSetup(backend, options, options.Pruned) : null;
        using var blas = OpenBlas.Load() is { } library ? new OpenBlasRate(library, options.Threads) : null;

        var times = Enumerable.Range(0, 4).Select(_ => new double[options.Steps]).ToArray();
        double[] rates = new double[blas is null ? 0 : options.Steps], means = new double[rates.Length], bytes = new double[options.Steps];
        for (int round = -1; round < options.Steps; round++) // one to warm up
        {
            var (rate, mean) = blas?.Gflops() ?? default;
            var train = Turns.TimeAndBytes(() => setup.Train(), 1, default);
            double[] round4 = [train.Seconds, Seconds(setup.Forward), pruned is null ? 0 : Seconds(() => pruned.Train()), pruned is null ? 0 : Seconds(pruned.Forward)];
            if (round < 0)
                continue;
            for (int i = 0; i < 4; i++)
                times[i][round] = round4[i];
            bytes[round] = train.Bytes;
            if (blas is not null)
                (rates[round], means[round]) = (rate, mean);
        }

        double? best = blas is null ? null : rates.Max(), usual = blas is null ? null : Robust.Median(means);
        double? Share(long flops, double[] seconds, double? rate) => flops / Robust.Median(seconds) / 1e9 / rate;
        double? Pruned(int i) => pruned is null ? null : Robust.Median(times[i]);
        double? Ratio(int i) => pruned is null ? null : Robust.Median(times[i + 2].Zip(times[i], (small, whole) => small / whole));
        return new StepTimes(Robust.Median(times[0]), Robust.Median(times[1]), best, setup.TrainFlops,
            setup.ForwardFlops, Share(setup.TrainFlops, times[0], best), Share(setup.ForwardFlops, times[1], best), usual,
            Share(setup.TrainFlops, times[0], usual), Share(setup.ForwardFlops, times[1], usual), Robust.Median(bytes),
            Overhead(setup, new TaylorCriterion(), options.Steps), Overhead(setup, new LoraGradientCriterion(), options.Steps),
            ProfilerOverhead.Measure(options, Robust.Median(times[0])),
            Pruned(2), Pruned(3), Ratio(0), Ratio(1), times[0], times[1], rates, means);
    }

    private static double Overhead(StepSetup setup, IImportanceCriterion criterion, int steps)
    {
        using var scorer = new ImportanceScorer(criterion, setup.Model);
        var observer = new TimedObserver(scorer);
        setup.Train(observer); // plans the criterion's scratch
        observer.TakeSeconds();
        return Robust.Median(Enumerable.Range(0, steps).Select(_ =>
        {
            double whole = Seconds(() => setup.Train(observer)), scoring = observer.TakeSeconds();
            return scoring / (whole - scoring);
        }).ToArray());
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
