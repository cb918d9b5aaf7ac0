using BenchmarkDotNet.Running;
using FedSpine.Bench;
using FedSpine.Bench.Devices;
using FedSpine.Bench.Gating;
using FedSpine.Bench.Steps;
using FedSpine.Engine;

if (args.Length == 0)
{
    Console.WriteLine("""
        dotnet run -c Release --project bench/FedSpine.Bench -- COMMAND

          gemm [--json] [--rounds N] [--threads N] [--only NAME]
                             matrix products beside OpenBLAS, both measured in turn in one run
          step [--json] [--model roberta-base|llama-110m|llama-1b] [--batch N] [--length N] [--rank N] [--steps N] [--threads N]
               [--pruned RATIO] [--recompute none|attention|full] [--base f32|bf16|q8_0]
                             a LoRA training step and a forward pass beside OpenBLAS's rate, and the memory that they need
          gate [--baseline FILE] [--update] [--out FILE] [--only NAME] [--rounds N]
                             a short suite; fails on more managed bytes, or on times beyond the noise of this machine's baseline
          compare A.json B.json
                             what changed between two runs of the gate, and whether the rounds bear it out
          memory [--json] [--rounds N] [--layers N]
                             planned bytes of a step in every mode of recomputing, and their time over a step that keeps everything
          fuzz [--count N] [--seed N] [--only PARSER]
                             damaged files for every parser of user files; fails where one crashes, hangs or grows
          decode [--json] [--model llama-110m|llama-1b] [--base f32|bf16|q8_0] [--threads N] [--prefill]
                             decoding beside the memory's read bandwidth, or a prompt of 512 tokens beside OpenBLAS, in turn
          coordinator [--json] [--devices N] [--rounds N] [--participation F] [--policy NAME,...] [--seeds N] [--share-statistics] [--record FOLDER]
                             policies alone on a fleet that answers by formulas, or as recorded runs did: regret, time a round, bytes a device
          device --device cuda|opencl|ilgpu-cpu|host [--json] [--only NAME] [--rounds N] [--tiny]
                             operators, LoRA steps and decoding on a device, beside its own copy and product rates
          device --device ... --cases [--json] [--only NAME] [--rounds N] [--tiny]
                             every large case of the parity tests on a device (--tiny: the first of each operator)
          --list flat        the BenchmarkDotNet benchmarks
          --filter '*Name*'  run some of them; further options are BenchmarkDotNet's
        """);
    return 0;
}

try
{
    switch (args[0])
    {
        case "gemm":
            return GemmComparison.Run(args[1..]);
        case "step":
            return StepCommand.Run(args[1..]);
        case "step-times":
            return StepCommand.RunTimes(args[1..]);
        case "step-memory":
            return StepCommand.RunMemory(args[1..]);
        case "gate":
            return GateCommand.Run(args[1..]);
        case "compare":
            return CompareCommand.Run(args[1..]);
        case "memory":
            return MemoryCommand.Run(args[1..]);
        case "fuzz":
            return FuzzCommand.Run(args);
        case "decode":
            return DecodeComparison.Run(args[1..]);
        case "coordinator":
            return CoordinatorCommand.Run(args[1..]);
        case "device":
            return DeviceCommand.Run(args[1..]);
        default:
            BenchmarkSwitcher.FromAssembly(typeof(GemmComparison).Assembly).Run(args);
            return 0;
    }
}
catch (FedSpineException e)
{
    Console.Error.WriteLine(e.Message);
    return e is InputException ? 2 : 1;
}
