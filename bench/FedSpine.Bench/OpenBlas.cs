using System.Runtime.InteropServices;
using FedSpine.Kernels;

namespace FedSpine.Bench;

/// <summary>OpenBLAS of this machine, loaded when present (Debian: libopenblas0-pthread).</summary>
internal sealed unsafe class OpenBlas
{
    private static readonly string[] Names =
        ["libopenblas.so.0", "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblas.so.0", "/usr/lib/aarch64-linux-gnu/openblas-pthread/libopenblas.so.0", "libopenblas"];

    private const int RowMajor = 101, NoTranspose = 111, Transpose = 112;

    /// <summary>What a report says where there is none.</summary>
    public const string Absent = "OpenBLAS is absent (libopenblas.so.0 was not found; Debian: apt install libopenblas0-pthread)";

    /// <summary>How long its worker threads go on spinning after a product (2^26 cycles, about 25 ms), and what Linux takes to spread ours again.</summary>
    public static readonly TimeSpan SpinsFor = TimeSpan.FromMilliseconds(80);

    private readonly delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void> _sgemm;
    private readonly delegate* unmanaged<int, void> _setThreads;

    private OpenBlas(nint library)
    {
        _sgemm = (delegate* unmanaged<int, int, int, int, int, int, float, float*, int, float*, int, float, float*, int, void>)NativeLibrary.GetExport(library, "cblas_sgemm");
        _setThreads = (delegate* unmanaged<int, void>)NativeLibrary.GetExport(library, "openblas_set_num_threads");
        Description = Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)NativeLibrary.GetExport(library, "openblas_get_config"))()) ?? "";
    }

    public string Description { get; }

    /// <summary>Null when the machine has none.</summary>
    public static OpenBlas? Load()
    {
        foreach (string name in Names)
        {
            if (NativeLibrary.TryLoad(name, out nint library))
                return new OpenBlas(library);
        }

        return null;
    }

    public void SetThreads(int threads) => _setThreads(threads);

    /// <summary>The same product as the backend's, matrix by matrix where it is a batch.</summary>
    public void MatMul(float* c, float* a, float* b, in MatMulShape s)
    {
        for (long i = 0; i < s.Batch; i++)
        {
            _sgemm(RowMajor, s.Layout == MatMulLayout.TN ? Transpose : NoTranspose, s.Layout == MatMulLayout.NT ? Transpose : NoTranspose,
                s.M, s.N, s.K, 1, a + i * s.BatchStrideA, s.StrideA, b + i * s.BatchStrideB, s.StrideB, 0, c + i * s.BatchStrideC, s.StrideC);
        }
    }
}
