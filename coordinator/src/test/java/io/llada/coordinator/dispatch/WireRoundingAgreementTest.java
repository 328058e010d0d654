package io.llada.coordinator.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import io.llada.model.experts.ActivationType;
import io.llada.model.kernel.Kernels;
import io.llada.proto.wire.DispatchPayload;
import io.llada.proto.wire.ElementType;
import io.llada.proto.wire.Frame;
import io.llada.proto.wire.FrameHeader;
import io.llada.proto.wire.FrameKind;
import io.llada.proto.wire.ResultPayload;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// The wire rounds as the model says, bit for bit.
class WireRoundingAgreementTest {
  private static final int VALUES = 1 << 20;
  private static final Kernels KERNELS = Kernels.best();

  @ParameterizedTest
  @EnumSource(ActivationType.class)
  void encodingAndDecodingIsRounding(ActivationType type) {
    float[] values = values(22);
    float[] rounded = values.clone();
    type.round(KERNELS, rounded, 0, rounded.length);

    ElementType elementType = ElementType.valueOf(type.name());
    FrameHeader header = new FrameHeader(FrameKind.DISPATCH, elementType, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0);
    Frame result = new ResultPayload.Sums(new int[1], new int[1], values).encode(header, 1);
    assertThat(bits(ResultPayload.decode(result, VALUES).rows().copy())).isEqualTo(bits(rounded));

    float[] finite = finite(values);
    float[] finiteRounded = finite.clone();
    type.round(KERNELS, finiteRounded, 0, finite.length);
    Frame dispatch = DispatchPayload.encode(header, new DispatchPayload.Rows(finite, new int[]{0}, VALUES), new int[0],
        new int[0], new float[0]);
    assertThat(bits(DispatchPayload.decode(dispatch, VALUES).rows())).isEqualTo(bits(finiteRounded));
  }

  /// Any bits: normal and subnormal numbers, zeros of both signs, infinities and NaNs.
  private static float[] values(long seed) {
    Random random = new Random(seed);
    float[] values = new float[VALUES];
    for (int i = 0; i < VALUES; i++) {
      values[i] = Float.intBitsToFloat(random.nextInt());
    }
    values[0] = -0f;
    values[1] = Float.MIN_VALUE;
    values[2] = Float.NEGATIVE_INFINITY;
    values[3] = Float.NaN;
    values[4] = Float.intBitsToFloat(0x3f808000);
    values[5] = Float.intBitsToFloat(0x3f818000);
    return values;
  }

  /// Half the range: what is larger may round to infinity, which a dispatch refuses.
  private static float[] finite(float[] values) {
    float[] finite = values.clone();
    for (int i = 0; i < finite.length; i++) {
      finite[i] = Math.abs(finite[i]) < Float.MAX_VALUE / 2 ? finite[i] : 1;
    }
    return finite;
  }

  private static int[] bits(float[] values) {
    int[] bits = new int[values.length];
    for (int i = 0; i < values.length; i++) {
      bits[i] = Float.floatToRawIntBits(values[i]);
    }
    return bits;
  }
}
