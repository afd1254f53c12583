// What stands around the network in every program: alignment, the weight of the swapped pixels, paste back.
// No library but C++17's own. Images are rows of float, channels interleaved; points and matrices are in pixels, and pixel
// centres lie at whole numbers. A matrix b_from_a is {m00, m01, m02, m10, m11, m12} and acts on (x, y, 1).
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

struct Image {
  int w = 0, h = 0, c = 0;
  std::vector<float> v;
  Image(int w, int h, int c, float fill = 0) : w(w), h(h), c(c), v(size_t(w) * h * c, fill) {}
  float& at(int x, int y, int k = 0) { return v[(size_t(y) * w + x) * c + k]; }
  float at(int x, int y, int k = 0) const { return v[(size_t(y) * w + x) * c + k]; }
};
using Matrix = std::array<double, 6>;
using Five = std::array<std::array<double, 2>, 5>;  // left eye, right eye, nose tip, left and right mouth corner

constexpr int SIDE = 224;  // vectors.json has this and the following numbers: crop, template, mask
constexpr Five TEMPLATE_112 = {{{38.29459953, 51.69630051}, {73.53179932, 51.50139999}, {56.02519989, 71.73660278},
                                {41.54930115, 92.3655014}, {70.72990036, 92.20410156}}};
constexpr float THRESHOLD = 0.001f;
constexpr int CLOSE = 11, ERODE = 11, BLUR = 7, BORDER = 10, BORDER_BLUR = 11;

// The least-squares rotation, scale and shift that takes five points of a frame to the template.
inline Matrix crop_from_frame(const Five& five) {
  double ax = 0, ay = 0, bx = 0, by = 0, spread = 0, re = 0, im = 0;
  const double scale = SIDE / 112.0;
  for (int i = 0; i < 5; ++i) {
    ax += five[i][0] / 5, ay += five[i][1] / 5;
    bx += scale * TEMPLATE_112[i][0] / 5, by += scale * TEMPLATE_112[i][1] / 5;
  }
  for (int i = 0; i < 5; ++i) {
    const double px = five[i][0] - ax, py = five[i][1] - ay;
    const double qx = scale * TEMPLATE_112[i][0] - bx, qy = scale * TEMPLATE_112[i][1] - by;
    spread += px * px + py * py, re += px * qx + py * qy, im += px * qy - py * qx;
  }
  re /= spread, im /= spread;
  return {re, -im, bx - re * ax + im * ay, im, re, by - im * ax - re * ay};
}

inline Matrix inverse(const Matrix& m) {
  const double d = m[0] * m[4] - m[1] * m[3];
  const double a = m[4] / d, b = -m[1] / d, c = -m[3] / d, e = m[0] / d;
  return {a, b, -a * m[2] - b * m[5], c, e, -c * m[2] - e * m[5]};
}

enum class Sampling { Linear, Cubic };
enum class Border { Zero, Repeat };

inline float pixel(const Image& image, int x, int y, int k, Border border) {
  if (border == Border::Zero && (x < 0 || y < 0 || x >= image.w || y >= image.h)) return 0;
  return image.at(std::clamp(x, 0, image.w - 1), std::clamp(y, 0, image.h - 1), k);
}

inline std::array<float, 4> cubic(float t) {  // a = -0.75, as OpenCV has it
  const float a = -0.75f;
  const auto near = [a](float x) { return ((a + 2) * x - (a + 3)) * x * x + 1; };
  const auto far = [a](float x) { return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a; };
  return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

inline float sample(const Image& image, double x, double y, int k, Sampling how, Border border) {
  const int left = int(std::floor(x)), top = int(std::floor(y));
  const float dx = float(x - left), dy = float(y - top);
  float sum = 0;
  if (how == Sampling::Linear) {
    for (int j = 0; j < 2; ++j)
      for (int i = 0; i < 2; ++i)
        sum += (i ? dx : 1 - dx) * (j ? dy : 1 - dy) * pixel(image, left + i, top + j, k, border);
    return sum;
  }
  const auto wx = cubic(dx), wy = cubic(dy);
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < 4; ++i) sum += wx[i] * wy[j] * pixel(image, left - 1 + i, top - 1 + j, k, border);
  return sum;
}

// Resamples an image. One that shrinks by more than two is averaged over squares first, so that no detail is skipped.
inline Image warp(Image image, Matrix out_from_in, int w, int h, Sampling how, Border border) {
  const double scale = std::sqrt(std::abs(out_from_in[0] * out_from_in[4] - out_from_in[1] * out_from_in[3]));
  if (scale < 0.5) {
    const int n = 1 << int(std::floor(std::log2(1 / scale)));
    Image small(std::max(1, image.w / n), std::max(1, image.h / n), image.c);
    for (int y = 0; y < small.h; ++y)
      for (int x = 0; x < small.w; ++x)
        for (int k = 0; k < image.c; ++k) {
          float sum = 0;
          for (int j = 0; j < n; ++j)
            for (int i = 0; i < n; ++i) sum += pixel(image, x * n + i, y * n + j, k, Border::Repeat);
          small.at(x, y, k) = sum / (n * n);
        }
    const double shift = (n - 1) / 2.0;  // the centre of a square, in pixels of the image
    Matrix& m = out_from_in;
    m = {m[0] * n, m[1] * n, m[2] + (m[0] + m[1]) * shift, m[3] * n, m[4] * n, m[5] + (m[3] + m[4]) * shift};
    image = small, how = Sampling::Linear;
  }
  const Matrix in_from_out = inverse(out_from_in);
  Image out(w, h, image.c);
  for (int y = 0; y < h; ++y)
    for (int x = 0; x < w; ++x) {
      const double u = in_from_out[0] * x + in_from_out[1] * y + in_from_out[2];
      const double v = in_from_out[3] * x + in_from_out[4] * y + in_from_out[5];
      for (int k = 0; k < image.c; ++k) out.at(x, y, k) = sample(image, u, v, k, how, border);
    }
  return out;
}

inline Image align(const Image& frame, const Matrix& crop_from_frame) {
  Image crop = warp(frame, crop_from_frame, SIDE, SIDE, Sampling::Linear, Border::Repeat);
  for (float& value : crop.v) value = std::nearbyint(value);
  return crop;
}

// Combines each number with its neighbours in a square; `outside` stands for what lies beyond the image.
template <class Combine>
Image over_square(const Image& image, int side, float outside, Combine combine) {
  const int reach = side / 2;
  Image rows(image.w, image.h, 1), out(image.w, image.h, 1);
  for (int pass = 0; pass < 2; ++pass)
    for (int y = 0; y < image.h; ++y)
      for (int x = 0; x < image.w; ++x) {
        float result = (pass ? rows : image).at(x, y);
        for (int i = -reach; i <= reach; ++i) {
          const int u = pass ? x : x + i, v = pass ? y + i : y;
          const bool inside = u >= 0 && v >= 0 && u < image.w && v < image.h;
          result = combine(result, inside ? (pass ? rows : image).at(u, v) : outside);
        }
        (pass ? out : rows).at(x, y) = result;
      }
  return out;
}

inline Image box_blur(const Image& image, int side) {  // reflects at the border without repeating the last pixel
  const int reach = side / 2;
  const auto mirror = [](int i, int n) { return i < 0 ? -i : i >= n ? 2 * n - 2 - i : i; };
  Image rows(image.w, image.h, 1), out(image.w, image.h, 1);
  for (int pass = 0; pass < 2; ++pass)
    for (int y = 0; y < image.h; ++y)
      for (int x = 0; x < image.w; ++x) {
        float sum = 0;
        for (int i = -reach; i <= reach; ++i)
          sum += pass ? rows.at(x, mirror(y + i, image.h)) : image.at(mirror(x + i, image.w), y);
        (pass ? out : rows).at(x, y) = sum / side;
      }
  return out;
}

// What the swapped pixels count: the mask, faded to nothing at its own edge and at the crop's border.
inline Image refine(const Image& mask) {
  const auto most = [](float a, float b) { return std::max(a, b); };
  const auto least = [](float a, float b) { return std::min(a, b); };
  Image solid(mask.w, mask.h, 1), fade(mask.w, mask.h, 1);
  for (size_t i = 0; i < mask.v.size(); ++i) solid.v[i] = mask.v[i] > THRESHOLD;
  solid = over_square(over_square(solid, CLOSE, 0, most), CLOSE, 1, least);  // closes holes
  solid = box_blur(over_square(solid, ERODE, 0, least), BLUR);
  for (int y = BORDER; y < mask.h - BORDER; ++y)
    for (int x = BORDER; x < mask.w - BORDER; ++x) fade.at(x, y) = 1;
  fade = box_blur(fade, BORDER_BLUR);
  Image weight(mask.w, mask.h, 1);
  for (size_t i = 0; i < mask.v.size(); ++i) weight.v[i] = mask.v[i] * solid.v[i] * fade.v[i];
  return weight;
}

// Blends a swapped crop into its frame. A program for a camera does this for the rectangle of the face alone.
inline Image paste(const Image& frame, const Image& face, const Image& weight, const Matrix& crop_from_frame) {
  const Matrix back = inverse(crop_from_frame);
  const Image pixels = warp(face, back, frame.w, frame.h, Sampling::Cubic, Border::Repeat);
  const Image alpha = warp(weight, back, frame.w, frame.h, Sampling::Linear, Border::Zero);
  Image out = frame;
  for (int y = 0; y < frame.h; ++y)
    for (int x = 0; x < frame.w; ++x)
      for (int k = 0; k < 3; ++k) {
        const float drawn = std::clamp(std::nearbyint(pixels.at(x, y, k)), 0.f, 255.f), kept = frame.at(x, y, k);
        out.at(x, y, k) = std::clamp(std::nearbyint(kept + alpha.at(x, y) * (drawn - kept)), 0.f, 255.f);
      }
  return out;
}
