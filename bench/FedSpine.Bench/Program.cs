using BenchmarkDotNet.Running;
using FedSpine.Bench;

if (args.Length == 0)
{
    Console.WriteLine("""
        dotnet run -c Release --project bench/FedSpine.Bench -- COMMAND

          gemm [--json]      matrix products beside OpenBLAS, both measured in turn in one run
          fuzz [--count N] [--seed N] [--only PARSER]
                             damaged files for every parser of user files; fails where one crashes, hangs or grows
          decode [--json]    decoding beside the memory's read bandwidth, in turn
          --list flat        the BenchmarkDotNet benchmarks
          --filter '*Name*'  run some of them; further options are BenchmarkDotNet's
        """);
    return 0;
}

if (args is ["gemm"] or ["gemm", "--json"])
    return GemmComparison.Run(json: args.Length == 2);

if (args.Length > 0 && args[0] == "fuzz")
    return FuzzCommand.Run(args);

if (args is ["decode"] or ["decode", "--json"])
    return DecodeComparison.Run(json: args.Length == 2);

BenchmarkSwitcher.FromAssembly(typeof(GemmComparison).Assembly).Run(args);
return 0;
