using ILGPU;
using ILGPU.Runtime.Cuda;

namespace FedSpine.Kernels.Ilgpu.Tensor;

/// <summary>
/// The instructions, as text that ILGPU puts into the kernel. Registers are declared by name once (<see cref="Begin"/>), so that nothing
/// passes through local memory; %0, %1, ... are the arguments. Offsets in brackets are bytes: 16 rows of a tile are 1280, of the sums 4608.
/// Tests carry the texts out for 32 lanes.
/// </summary>
internal static class TensorPtx
{
    /// <summary>The kernel has one allocation in shared memory, which ILGPU 1.5 gives this name; a test looks for it.</summary>
    public const string SharedName = "__shared_alloca0";

    public const string Begin =
        ".reg .b32 tc_a<8>; .reg .b32 tc_b<8>; .reg .f32 tc_c<32>; .reg .u32 tc_base; " +
        "mov.u32 tc_base, " + SharedName + "; " +
        "mov.f32 tc_c0, 0f00000000; mov.f32 tc_c1, 0f00000000; mov.f32 tc_c2, 0f00000000; mov.f32 tc_c3, 0f00000000; " +
        "mov.f32 tc_c4, 0f00000000; mov.f32 tc_c5, 0f00000000; mov.f32 tc_c6, 0f00000000; mov.f32 tc_c7, 0f00000000; " +
        "mov.f32 tc_c8, 0f00000000; mov.f32 tc_c9, 0f00000000; mov.f32 tc_c10, 0f00000000; mov.f32 tc_c11, 0f00000000; " +
        "mov.f32 tc_c12, 0f00000000; mov.f32 tc_c13, 0f00000000; mov.f32 tc_c14, 0f00000000; mov.f32 tc_c15, 0f00000000; " +
        "mov.f32 tc_c16, 0f00000000; mov.f32 tc_c17, 0f00000000; mov.f32 tc_c18, 0f00000000; mov.f32 tc_c19, 0f00000000; " +
        "mov.f32 tc_c20, 0f00000000; mov.f32 tc_c21, 0f00000000; mov.f32 tc_c22, 0f00000000; mov.f32 tc_c23, 0f00000000; " +
        "mov.f32 tc_c24, 0f00000000; mov.f32 tc_c25, 0f00000000; mov.f32 tc_c26, 0f00000000; mov.f32 tc_c27, 0f00000000; " +
        "mov.f32 tc_c28, 0f00000000; mov.f32 tc_c29, 0f00000000; mov.f32 tc_c30, 0f00000000; mov.f32 tc_c31, 0f00000000;";

    /// <summary>%0: word, %1: even k, %2: odd k.</summary>
    public const string StoreBF16 =
        "{ .reg .u32 tc_u; .reg .b32 tc_v; mad.lo.u32 tc_u, %0, 4, tc_base; cvt.rn.bf16x2.f32 tc_v, %2, %1; st.shared.b32 [tc_u], tc_v; }";

    /// <summary>%0: word, %1: value, rounded when it is used.</summary>
    public const string StoreTF32 = "{ .reg .u32 tc_u; mad.lo.u32 tc_u, %0, 4, tc_base; st.shared.f32 [tc_u], %1; }";

    /// <summary>%0: word, %1: global address, %2: bytes to read, the rest of the 4 being zeros.</summary>
    public const string Copy4 =
        "{ .reg .u32 tc_u; .reg .u32 tc_n; mad.lo.u32 tc_u, %0, 4, tc_base; mov.u32 tc_n, %2; cp.async.ca.shared.global [tc_u], [%1], 4, tc_n; }";

    /// <summary>As <see cref="Copy4"/>, of 16; both addresses are multiples of 16.</summary>
    public const string Copy16 =
        "{ .reg .u32 tc_u; .reg .u32 tc_n; mad.lo.u32 tc_u, %0, 4, tc_base; mov.u32 tc_n, %2; cp.async.cg.shared.global [tc_u], [%1], 16, tc_n; }";

    public const string Wait = "cp.async.wait_all;";

    /// <summary>%0: this lane's word of A, %1: of B.</summary>
    public const string Load =
        "{ .reg .u32 tc_u; bar.warp.sync 0xffffffff; mad.lo.u32 tc_u, %0, 4, tc_base; " +
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {tc_a0, tc_a1, tc_a2, tc_a3}, [tc_u]; " +
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {tc_a4, tc_a5, tc_a6, tc_a7}, [tc_u+1280]; " +
        "mad.lo.u32 tc_u, %1, 4, tc_base; " +
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {tc_b0, tc_b1, tc_b2, tc_b3}, [tc_u]; " +
        "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {tc_b4, tc_b5, tc_b6, tc_b7}, [tc_u+1280]; }";

    /// <summary>Sums of fragment pair (i, j) are c(16 i + 4 j) to c(16 i + 4 j + 3).</summary>
    public const string MultiplyBF16 =
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c0, tc_c1, tc_c2, tc_c3}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b0, tc_b1}, {tc_c0, tc_c1, tc_c2, tc_c3}; " +
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c4, tc_c5, tc_c6, tc_c7}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b2, tc_b3}, {tc_c4, tc_c5, tc_c6, tc_c7}; " +
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c8, tc_c9, tc_c10, tc_c11}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b4, tc_b5}, {tc_c8, tc_c9, tc_c10, tc_c11}; " +
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c12, tc_c13, tc_c14, tc_c15}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b6, tc_b7}, {tc_c12, tc_c13, tc_c14, tc_c15}; " +
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c16, tc_c17, tc_c18, tc_c19}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b0, tc_b1}, {tc_c16, tc_c17, tc_c18, tc_c19}; " +
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c20, tc_c21, tc_c22, tc_c23}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b2, tc_b3}, {tc_c20, tc_c21, tc_c22, tc_c23}; " +
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c24, tc_c25, tc_c26, tc_c27}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b4, tc_b5}, {tc_c24, tc_c25, tc_c26, tc_c27}; " +
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {tc_c28, tc_c29, tc_c30, tc_c31}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b6, tc_b7}, {tc_c28, tc_c29, tc_c30, tc_c31};";

    /// <summary>Rounds the fragments, to nearest, then the same.</summary>
    public const string MultiplyTF32 =
        "cvt.rna.tf32.f32 tc_a0, tc_a0; cvt.rna.tf32.f32 tc_a1, tc_a1; cvt.rna.tf32.f32 tc_a2, tc_a2; cvt.rna.tf32.f32 tc_a3, tc_a3; " +
        "cvt.rna.tf32.f32 tc_a4, tc_a4; cvt.rna.tf32.f32 tc_a5, tc_a5; cvt.rna.tf32.f32 tc_a6, tc_a6; cvt.rna.tf32.f32 tc_a7, tc_a7; " +
        "cvt.rna.tf32.f32 tc_b0, tc_b0; cvt.rna.tf32.f32 tc_b1, tc_b1; cvt.rna.tf32.f32 tc_b2, tc_b2; cvt.rna.tf32.f32 tc_b3, tc_b3; " +
        "cvt.rna.tf32.f32 tc_b4, tc_b4; cvt.rna.tf32.f32 tc_b5, tc_b5; cvt.rna.tf32.f32 tc_b6, tc_b6; cvt.rna.tf32.f32 tc_b7, tc_b7; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c0, tc_c1, tc_c2, tc_c3}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b0, tc_b1}, {tc_c0, tc_c1, tc_c2, tc_c3}; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c4, tc_c5, tc_c6, tc_c7}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b2, tc_b3}, {tc_c4, tc_c5, tc_c6, tc_c7}; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c8, tc_c9, tc_c10, tc_c11}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b4, tc_b5}, {tc_c8, tc_c9, tc_c10, tc_c11}; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c12, tc_c13, tc_c14, tc_c15}, {tc_a0, tc_a1, tc_a2, tc_a3}, {tc_b6, tc_b7}, {tc_c12, tc_c13, tc_c14, tc_c15}; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c16, tc_c17, tc_c18, tc_c19}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b0, tc_b1}, {tc_c16, tc_c17, tc_c18, tc_c19}; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c20, tc_c21, tc_c22, tc_c23}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b2, tc_b3}, {tc_c20, tc_c21, tc_c22, tc_c23}; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c24, tc_c25, tc_c26, tc_c27}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b4, tc_b5}, {tc_c24, tc_c25, tc_c26, tc_c27}; " +
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {tc_c28, tc_c29, tc_c30, tc_c31}, {tc_a4, tc_a5, tc_a6, tc_a7}, {tc_b6, tc_b7}, {tc_c28, tc_c29, tc_c30, tc_c31};";

    /// <summary>%0: this lane's word of the sums.</summary>
    public const string StoreSums =
        "{ .reg .u32 tc_u; mad.lo.u32 tc_u, %0, 4, tc_base; " +
        "st.shared.v2.f32 [tc_u+0], {tc_c0, tc_c1}; st.shared.v2.f32 [tc_u+2304], {tc_c2, tc_c3}; " +
        "st.shared.v2.f32 [tc_u+32], {tc_c4, tc_c5}; st.shared.v2.f32 [tc_u+2336], {tc_c6, tc_c7}; " +
        "st.shared.v2.f32 [tc_u+64], {tc_c8, tc_c9}; st.shared.v2.f32 [tc_u+2368], {tc_c10, tc_c11}; " +
        "st.shared.v2.f32 [tc_u+96], {tc_c12, tc_c13}; st.shared.v2.f32 [tc_u+2400], {tc_c14, tc_c15}; " +
        "st.shared.v2.f32 [tc_u+4608], {tc_c16, tc_c17}; st.shared.v2.f32 [tc_u+6912], {tc_c18, tc_c19}; " +
        "st.shared.v2.f32 [tc_u+4640], {tc_c20, tc_c21}; st.shared.v2.f32 [tc_u+6944], {tc_c22, tc_c23}; " +
        "st.shared.v2.f32 [tc_u+4672], {tc_c24, tc_c25}; st.shared.v2.f32 [tc_u+6976], {tc_c26, tc_c27}; " +
        "st.shared.v2.f32 [tc_u+4704], {tc_c28, tc_c29}; st.shared.v2.f32 [tc_u+7008], {tc_c30, tc_c31}; }";
}

/// <summary>bf16 inputs: mma.m16n8k16.</summary>
internal readonly struct PtxBF16 : ITensorUnit
{
    public static int Elements => 2;

    public static void Begin(ArrayView<uint> scratch) => CudaAsm.Emit(TensorPtx.Begin);

    public static void Store(ArrayView<uint> tiles, int word, float x, float y) => CudaAsm.Emit(TensorPtx.StoreBF16, word, x, y);

    public static void Copy(ArrayView<uint> tiles, int word, DeviceWeight w, ulong address, int source, int words, int inside)
    {
        ulong from = inside != 0 ? address + 4 * (ulong)source : address;
        if (words == 4)
            CudaAsm.Emit(TensorPtx.Copy16, word, from, 16 * inside);
        else
            CudaAsm.Emit(TensorPtx.Copy4, word, from, 4 * inside);
    }

    public static void Wait() => CudaAsm.Emit(TensorPtx.Wait);

    public static void Load(ArrayView<uint> tiles, ArrayView<uint> scratch, int wordA, int wordB) => CudaAsm.Emit(TensorPtx.Load, wordA, wordB);

    public static void Multiply(ArrayView<uint> scratch) => CudaAsm.Emit(TensorPtx.MultiplyBF16);

    public static void StoreSums(ArrayView<uint> tiles, ArrayView<uint> scratch, int word, int stored)
    {
        if (stored != 0)
            CudaAsm.Emit(TensorPtx.StoreSums, word);
    }
}

/// <summary>tf32 inputs: mma.m16n8k8.</summary>
internal readonly struct PtxTF32 : ITensorUnit
{
    public static int Elements => 1;

    public static void Begin(ArrayView<uint> scratch) => CudaAsm.Emit(TensorPtx.Begin);

    public static void Store(ArrayView<uint> tiles, int word, float x, float y) => CudaAsm.Emit(TensorPtx.StoreTF32, word, x);

    public static void Copy(ArrayView<uint> tiles, int word, DeviceWeight w, ulong address, int source, int words, int inside)
    {
        ulong from = inside != 0 ? address + 4 * (ulong)source : address;
        if (words == 4)
            CudaAsm.Emit(TensorPtx.Copy16, word, from, 16 * inside);
        else
            CudaAsm.Emit(TensorPtx.Copy4, word, from, 4 * inside);
    }

    public static void Wait() => CudaAsm.Emit(TensorPtx.Wait);

    public static void Load(ArrayView<uint> tiles, ArrayView<uint> scratch, int wordA, int wordB) => CudaAsm.Emit(TensorPtx.Load, wordA, wordB);

    public static void Multiply(ArrayView<uint> scratch) => CudaAsm.Emit(TensorPtx.MultiplyTF32);

    public static void StoreSums(ArrayView<uint> tiles, ArrayView<uint> scratch, int word, int stored)
    {
        if (stored != 0)
            CudaAsm.Emit(TensorPtx.StoreSums, word);
    }
}
