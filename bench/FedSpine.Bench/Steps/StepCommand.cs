using FedSpine.Bench.Measuring;
using FedSpine.Engine.Formats;
using FedSpine.Kernels.Host;

namespace FedSpine.Bench.Steps;

/// <summary>
/// A training step and a forward pass of a well-known shape: times beside OpenBLAS in one child process, peak memory in another, in
/// which nothing else is resident.
/// </summary>
internal static class StepCommand
{
    /// <summary>Peak of the process that trained, and what of it was planned: weights, trainable state, activations.</summary>
    public sealed record Memory(long PeakRssBytes, long ModelBytes, long ActivationBytes);

    public static int Run(IEnumerable<string> arguments)
    {
        var options = StepOptions.Read(arguments);
        var machine = Machine.Describe(OpenBlas.Load());
        if (!options.Json)
            Console.WriteLine($"{machine.Summary}; {machine.OpenBlas ?? OpenBlas.Absent}");
        var times = ChildProcess.Run<StepTimes>(["step-times", .. options.Arguments()]);
        var memory = ChildProcess.Run<Memory>(["step-memory", .. (options with { Pruned = 0 }).Arguments()]);
        var pruned = options.Pruned > 0 ? ChildProcess.Run<Memory>(["step-memory", .. options.Arguments()]) : null;
        double? memoryRatio = pruned is null ? null : (double)pruned.PeakRssBytes / memory.PeakRssBytes;
        if (options.Json)
        {
            Console.WriteLine(BenchJson.Write(new
            {
                machine, openBlas = machine.OpenBlas, note = machine.OpenBlas is null ? OpenBlas.Absent : null,
                options.Model, options.Batch, options.Length, options.Rank, options.Threads, options.Steps, recompute = options.RecomputeName, @base = options.Base.Label(),
                times.TrainStepSeconds, times.ForwardSeconds, memory.PeakRssBytes, times.OpenBlasGflops,
                times.TrainFlops, times.ForwardFlops, times.TrainShareOfOpenBlas, times.ForwardShareOfOpenBlas,
                times.OpenBlasMeanGflops, times.TrainShareOfOpenBlasMean, times.ForwardShareOfOpenBlasMean,
                memory.ModelBytes, memory.ActivationBytes, times.AllocatedBytesPerStep, times.TaylorOverhead, times.LoraGradientOverhead, times.ProfilerOverhead,
                pruned = pruned is null ? null : new
                {
                    ratio = options.Pruned, trainStepSeconds = times.PrunedTrainStepSeconds, forwardSeconds = times.PrunedForwardSeconds,
                    pruned.PeakRssBytes, pruned.ModelBytes, pruned.ActivationBytes,
                    trainStepRatio = times.PrunedTrainRatio, forwardRatio = times.PrunedForwardRatio, memoryRatio,
                },
                times.TrainStepSecondsOfRounds, times.ForwardSecondsOfRounds, times.OpenBlasGflopsOfRounds, times.OpenBlasMeanGflopsOfRounds,
            }));
            return 0;
        }

        Console.WriteLine($"""
            {options.Model}, B {options.Batch}, T {options.Length}, rank {options.Rank}, {options.Threads} threads, recompute {options.RecomputeName}, base {options.Base.Label()}; medians of {options.Steps} rounds
            training step  {times.TrainStepSeconds,9:f3} s   {times.TrainFlops / 1e9,8:f1} GFLOP   {Share(times.TrainShareOfOpenBlas, times.TrainShareOfOpenBlasMean)}
            forward        {times.ForwardSeconds,9:f3} s   {times.ForwardFlops / 1e9,8:f1} GFLOP   {Share(times.ForwardShareOfOpenBlas, times.ForwardShareOfOpenBlasMean)}
            OpenBLAS       {times.OpenBlasGflops ?? double.NaN,9:f1} GFLOP/s (1536^3) at best, {times.OpenBlasMeanGflops ?? double.NaN:f1} over all
            peak resident  {memory.PeakRssBytes / 1e9,9:f3} GB ({memory.ModelBytes / 1e9:f3} of the model, {memory.ActivationBytes / 1e9:f3} of activations)
            allocated      {times.AllocatedBytesPerStep,9:f0} bytes a step
            scoring        {times.TaylorOverhead:p2} of a step with taylor, {times.LoraGradientOverhead:p2} with lora-gradient
            profiling      {times.ProfilerOverhead:p3} of a step
            """);
        if (pruned is not null)
        {
            Console.WriteLine($"pruned {options.Pruned:p0}   step x {times.PrunedTrainRatio:f3}, forward x {times.PrunedForwardRatio:f3}, "
                + $"peak resident x {memoryRatio:f3} ({pruned.PeakRssBytes / 1e9:f3} GB)");
        }

        return 0;
    }

    private static string Share(double? best, double? mean) => best is null ? "" : $"{best:p1} of OpenBLAS's best rate, {mean:p1} of its mean";

    /// <summary>In a child process: times.</summary>
    public static int RunTimes(IEnumerable<string> arguments)
    {
        Console.WriteLine(BenchJson.Write(StepTiming.Measure(StepOptions.Read(arguments))));
        return 0;
    }

    /// <summary>In a child process: two steps and a forward pass, and the peak of memory that they needed.</summary>
    public static int RunMemory(IEnumerable<string> arguments)
    {
        var options = StepOptions.Read(arguments);
        using var backend = HostBackend.Create(options.Threads);
        using var setup = new StepSetup(backend, options, options.Pruned);
        setup.Train();
        setup.Train();
        setup.Forward();
        Console.WriteLine(BenchJson.Write(new Memory(ChildProcess.PeakResidentBytes(), setup.Model.Bytes, setup.Trainer.ActivationBytes)));
        return 0;
    }
}
