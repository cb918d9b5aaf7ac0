using System.Globalization;
using FedSpine.Bench.Measuring;
using FedSpine.Kernels;
using FedSpine.Kernels.Profiling;
using FedSpine.Kernels.Tests;
using FedSpine.Kernels.Tests.Cases;

namespace FedSpine.Bench.Devices;

/// <summary>
/// The benchmark mode of the parity tests' cases: each is timed on a device, in GFLOP/s and GB/s beside what the device reaches. They are
/// shapes that find mistakes, not those of models: read a line beside the same line of another device or another day.
/// </summary>
internal static class DeviceCases
{
    /// <param name="Case">As the tests name it.</param>
    /// <param name="Supported">False: the backend says that it does not run it, and nothing was measured.</param>
    public sealed record CaseRow(string Suite, string Case, string Operator, bool Supported, double? Seconds, long? Flops, long? Bytes, double? FlopsPerSecond, double? BytesPerSecond);

    /// <param name="only">Part of the suite's name; empty: all.</param>
    /// <param name="first">The first large case of each suite alone.</param>
    public static int Run(IComputeBackend backend, string device, MachinePeak peak, string only, int rounds, bool first, bool json)
    {
        var output = json ? Console.Error : Console.Out;
        var rows = new List<CaseRow>();
        output.WriteLine($"{"ms",10}{"GFLOP/s",10}{"GB/s",9}  case");
        foreach (var suite in CaseSuite.All.Where(s => s.Name.Contains(only, StringComparison.OrdinalIgnoreCase)))
        {
            foreach (var operatorCase in first ? suite.LargeCases.Take(1) : suite.LargeCases)
            {
                var row = Measure(backend, suite, operatorCase, rounds);
                rows.Add(row);
                output.WriteLine(row.Supported
                    ? string.Create(CultureInfo.InvariantCulture, $"{row.Seconds * 1e3,10:f3}{row.FlopsPerSecond / 1e9,10:f2}{row.BytesPerSecond / 1e9,9:f2}  {row.Case}")
                    : $"{"not supported",29}  {row.Case}");
            }
        }

        if (json)
        {
            Console.WriteLine(BenchJson.Write(new
            {
                device, name = backend.Name, date = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture), machine = Machine.Describe(null), rounds,
                peak = new { peak.FlopsPerSecond, peak.BytesPerSecond, peak.ProductSize, peak.CopyBytes }, cases = rows,
            }));
        }

        return 0;
    }

    private static CaseRow Measure(IComputeBackend backend, CaseSuite suite, OperatorCase operatorCase, int rounds)
    {
        string name = operatorCase.ToString().Replace($" {{ Operator = {operatorCase.Operator}, Stored = {operatorCase.Stored}, ", "(", StringComparison.Ordinal)
            .Replace(" }", ")", StringComparison.Ordinal).Replace(" = ", "=", StringComparison.Ordinal);
        if (!operatorCase.IsSupported(backend))
            return new CaseRow(suite.Name, name, operatorCase.Operator.ToString(), false, null, null, null, null, null);
        var time = operatorCase.Measure(backend, rounds);
        return new CaseRow(suite.Name, name, operatorCase.Operator.ToString(), true, time.Seconds, time.Flops, time.Bytes, time.Flops / time.Seconds, time.Bytes / time.Seconds);
    }
}
