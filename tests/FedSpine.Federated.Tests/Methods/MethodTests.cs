using FedSpine.Engine;
using FedSpine.Federated.Methods;
using FedSpine.Federated.Reporting;
using FedSpine.Federated.Simulation;
using FedSpine.Federated.Tests.Simulation;

namespace FedSpine.Federated.Tests.Methods;

public sealed class MethodTests(TinyWorld world) : IClassFixture<TinyWorld>
{
    public static TheoryData<string> Names => [.. MethodCatalog.Names];

    private SimulationOptions Options => world.Classification with { Reference = false };

    [Theory]
    [MemberData(nameof(Names))]
    public void A_method_runs_as_it_is_described(string name)
    {
        var method = MethodCatalog.Find(name);
        var (folder, summary) = world.Run(Options with { Method = name });
        Assert.Equal((name, method.Policy, method.Criterion, method.Aggregation), (summary.Method, summary.Policy, summary.Criterion, summary.Aggregation));
        double target = method.Schedule == PruningSchedule.None ? 0 : 0.5;
        Assert.Equal(target, summary.TargetSparsity);
        Assert.InRange(summary.Sparsity, target * 0.98, target * 1.02);
        var config = SimulationConfig.Read(new RunFolder(folder).Config);
        Assert.Equal(Method.Complete(Options with { Method = name }) with { Device = "host" }, config);
        Assert.Equal(config, Method.Complete(config));
        Assert.Equal(method == MethodCatalog.FedSpine ? "" : $" --method {name}", RepeatCommand.For(Method.Complete(new SimulationOptions { Method = name }))["fedspine simulate".Length..]);
    }

    [Fact]
    public void Nothing_but_the_method_differs()
    {
        // Calibration is fedspine's, and its losses are those of calibrated logits.
        var first = MethodCatalog.Names.Select(name => RunFolderReader.ReadRounds(new RunFolder(world.Run(Options with { Method = name, CalibrateLogits = false }).Folder))[0]).ToList();
        Assert.All(first, round => Assert.Equal(first[0].Participants.Select(p => (p.Device, p.Class, p.Examples)), round.Participants.Select(p => (p.Device, p.Class, p.Examples))));
        // B is zero at first: whatever the rank, all start from the base on the same data.
        Assert.All(first, round => Assert.Equal(first[0].Participants.Select(p => p.LossBefore), round.Participants.Select(p => p.LossBefore)));
    }

    [Fact]
    public void One_shot_prunes_in_a_devices_first_round_and_never_again()
    {
        var rounds = RunFolderReader.ReadRounds(new RunFolder(world.Run(Options with { Method = "fed-llmpruner" }).Folder));
        Assert.All(rounds.SelectMany(r => r.Participants), p =>
        {
            Assert.InRange(p.RatioReached, 0.49, 0.51);
            Assert.True(p.RatioBefore == 0 || p.RatioBefore == p.RatioReached);
        });
    }

    [Fact]
    public void Hetlora_gives_faster_kinds_larger_ranks()
    {
        var participants = RunFolderReader.ReadRounds(new RunFolder(world.Run(Options with { Method = "hetlora", Devices = 8, Participation = 1, Rounds = 1 }).Folder))[0].Participants;
        var ranks = participants.GroupBy(p => p.Class).ToDictionary(g => g.Key, g => g.Select(p => p.Rank).Distinct().Single());
        Assert.Equal((1, 2, 4), (ranks["Jetson TX2"], ranks["Xavier NX"], ranks["AGX Xavier"]));
    }

    [Fact]
    public void An_open_methods_parts_can_be_replaced_and_a_baselines_cannot()
    {
        Assert.Equal("activation", Method.Complete(new SimulationOptions { Criterion = "activation" }).Criterion);
        var error = Assert.Throws<InputException>(() => new SimulationOptions { Method = "fed-loraprune", Aggregation = "svd" }.Validate());
        Assert.Equal("--aggregation svd contradicts --method fed-loraprune, whose aggregation is fedavg; only fedspine takes another", error.Message);
    }

    [Fact]
    public void Shared_scores_are_paid_for_in_bytes()
    {
        (string Folder, RunSummary Summary) Once(bool share) => world.Run(Options with { Rounds = 1, Participation = 1, Policy = "fixed", ShareImportance = share });
        var (shared, alone) = (Once(true), Once(false));
        // In the first round nothing is shared yet: devices prune alike, and return their scores, a float for each head and channel that is left.
        var devices = RunFolderReader.ReadDevices(new RunFolder(shared.Folder));
        Assert.Equal(devices.Select(d => (d.QueryHeads, d.FfnWidths)), RunFolderReader.ReadDevices(new RunFolder(alone.Folder)).Select(d => (d.QueryHeads, d.FfnWidths)), (a, b) => a.QueryHeads.SequenceEqual(b.QueryHeads) && a.FfnWidths.SequenceEqual(b.FfnWidths));
        Assert.Equal(devices.Sum(d => 4L * (d.KeyValueHeads.Sum() + d.FfnWidths.Sum())), shared.Summary.BytesUp - alone.Summary.BytesUp);
        Assert.Equal(alone.Summary.BytesDown, shared.Summary.BytesDown);
        var error = Assert.Throws<InputException>(() => new SimulationOptions { Method = "fed-random", ShareImportance = true }.Validate());
        Assert.Equal("--share-importance true contradicts --method fed-random, whose share-importance is false; only fedspine takes another", error.Message);
    }

    [Fact]
    public void Calibrated_logits_are_paid_for_in_bytes_and_are_not_a_baselines()
    {
        RunSummary Once(bool calibrate) => world.Run(Options with { Rounds = 1, Participation = 1, Policy = "fixed", CalibrateLogits = calibrate }).Summary;
        var (calibrated, plain) = (Once(true), Once(false));
        Assert.Equal((4 * 8, 4 * 8), (calibrated.BytesUp - plain.BytesUp, calibrated.BytesDown - plain.BytesDown)); // four devices, two labels
        var error = Assert.Throws<InputException>(() => new SimulationOptions { Method = "hetlora", CalibrateLogits = true }.Validate());
        Assert.Equal("--calibrate-logits true contradicts --method hetlora, whose calibrate-logits is false; only fedspine takes another", error.Message);
        error = Assert.Throws<InputException>(() => (world.CausalLm with { CalibrateLogits = true }).Validate());
        Assert.Equal("--calibrate-logits true: only classification has labels to calibrate by", error.Message);
        Assert.Equal(false, Method.Complete(world.CausalLm).CalibrateLogits);
    }

    [Fact]
    public void A_device_that_holds_one_label_has_nothing_to_learn_from_that()
    {
        // Two labels in two shards: each device holds one of them alone.
        var options = Options with { Devices = 2, Rounds = 1, Participation = 1, Policy = "fixed", Partition = "shards:1" };
        IEnumerable<double> Losses(bool calibrate) => RunFolderReader.ReadRounds(new RunFolder(world.Run(options with { CalibrateLogits = calibrate }).Folder))[0].Participants.Select(p => p.LossBefore);
        Assert.All(Losses(true), loss => Assert.InRange(loss, 0, 0.05));
        Assert.All(Losses(false), loss => Assert.InRange(loss, 0.1, 5));
    }

    [Fact]
    public void Settings_of_the_ablations_change_the_run()
    {
        string[] Rounds(SimulationOptions options) => [.. RunFolderReader.ReadRounds(new RunFolder(world.Run(options).Folder)).Select(r => string.Join(' ', r.Participants.Select(p => $"{p.Ratio} {p.Rank} {p.LossAfter} {p.Reward}")))];
        // Enough plays for boxes to split, after which what was learned shows in the arms.
        var options = Options with { Rounds = 12, Devices = 8, LocalSteps = 2, PruneInterval = 1 };
        var plain = Rounds(options);
        Assert.NotEqual(plain, Rounds(options with { ShareStatistics = true }));
        Assert.NotEqual(plain, Rounds(options with { RewardWeights = "0:1:0" }));
        Assert.NotEqual(plain, Rounds(options with { Smoothing = 0 }));
        Assert.NotEqual(plain, Rounds(options with { ShareImportance = false }));
        Assert.NotEqual(plain, Rounds(options with { CalibrateLogits = false }));
        Assert.Equal(plain, Rounds(options with { RewardWeights = "0.5:0.3:0.2" }));
    }
}
